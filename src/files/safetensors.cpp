#include "attune/files/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <set>

#include "attune/error.hpp"
#include "attune/files/atomic_file.hpp"
#include "attune/space/detail/counted.hpp"
#include "byte_source.hpp"

static_assert(std::endian::native == std::endian::little,
              "weight files are little-endian and copied as they are");

namespace attune {
namespace {

using nlohmann::json;

constexpr std::uint64_t max_header_bytes = 100'000'000;
constexpr const char* metadata_name = "__metadata__";

std::optional<DType> dtype_of(const std::string& name) {
    for (const DType dtype :
         {DType::boolean, DType::u8, DType::i8, DType::i16, DType::u16, DType::f16, DType::bf16, DType::i32,
          DType::u32, DType::f32, DType::f64, DType::i64, DType::u64})
        if (to_string(dtype) == name) return dtype;
    return std::nullopt;
}

struct HeaderEntry {
    std::string name;
    std::optional<DType> dtype;
    std::vector<std::int64_t> shape;
    std::vector<std::uint64_t> offsets;
    bool has_shape = false;
    bool has_offsets = false;
};

// The header as a stream of events: a document that was built first would let a hostile header take many
// times its size in memory, and would have dropped the first of two equal names.
class HeaderReader : public nlohmann::json_sax<json> {
  public:
    std::vector<HeaderEntry> entries;
    std::map<std::string, std::string> metadata;
    std::string problem;

    bool start_object(std::size_t) override {
        if (where_ == Where::start) return move_to(Where::root);
        if (where_ != Where::root || !expects_value_) return refuse("an object where none belongs");
        expects_value_ = false;
        if (key_ == metadata_name) return move_to(Where::metadata);
        entries.push_back({.name = key_, .dtype = {}, .shape = {}, .offsets = {}});
        return move_to(Where::tensor);
    }

    bool key(string_t& name) override {
        if (where_ == Where::root && !names_.insert(name).second)
            return refuse("the name occurs twice", name);
        if (where_ == Where::metadata && metadata.contains(name))
            return refuse("the metadata key occurs twice", name);
        key_ = name;
        expects_value_ = true;
        return true;
    }

    bool end_object() override {
        if (where_ == Where::tensor) {
            const HeaderEntry& entry = entries.back();
            if (!entry.dtype || !entry.has_shape || !entry.has_offsets)
                return refuse("dtype, shape and data_offsets are needed", entry.name);
        }
        return move_to(where_ == Where::root ? Where::end : Where::root);
    }

    bool start_array(std::size_t) override {
        if (where_ != Where::tensor || !expects_value_) return refuse("a list where none belongs");
        expects_value_ = false;
        HeaderEntry& entry = entries.back();
        if (key_ == "shape" && !entry.has_shape) return entry.has_shape = move_to(Where::shape);
        if (key_ == "data_offsets" && !entry.has_offsets) return entry.has_offsets = move_to(Where::offsets);
        return refuse("a list called \"" + key_ + "\", or a second one", entry.name);
    }

    bool end_array() override {
        const HeaderEntry& entry = entries.back();
        if (where_ == Where::offsets && entry.offsets.size() != 2)
            return refuse("data_offsets needs two numbers", entry.name);
        return move_to(Where::tensor);
    }

    bool string(string_t& text) override {
        expects_value_ = false;
        if (where_ == Where::metadata) return metadata.emplace(key_, text).second;
        if (where_ != Where::tensor || key_ != "dtype" || entries.back().dtype)
            return refuse("the text \"" + text.substr(0, 80) + "\" where none belongs");
        entries.back().dtype = dtype_of(text);
        return entries.back().dtype ||
               refuse("the element type " + text.substr(0, 80) + " is not supported", entries.back().name);
    }

    bool number_unsigned(number_unsigned_t value) override {
        if (where_ == Where::offsets && entries.back().offsets.size() < 2) {
            entries.back().offsets.push_back(value);
            return true;
        }
        if (where_ != Where::shape)
            return refuse("the number " + std::to_string(value) + " where none belongs");
        if (value > static_cast<std::uint64_t>(INT64_MAX))
            return refuse("a size above 2^63 - 1", entries.back().name);
        entries.back().shape.push_back(static_cast<std::int64_t>(value));
        return true;
    }

    bool null() override { return refuse("a null"); }
    bool boolean(bool) override { return refuse("a boolean"); }
    bool number_integer(number_integer_t value) override {
        return refuse("the negative number " + std::to_string(value));
    }
    bool number_float(number_float_t, const string_t& text) override { return refuse("the number " + text); }
    bool binary(binary_t&) override { return refuse("binary data"); }
    bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
        problem = "is no valid JSON at byte " + std::to_string(position) + " of the header";
        return false;
    }

  private:
    enum class Where { start, root, metadata, tensor, shape, offsets, end };

    bool move_to(Where where) {
        where_ = where;
        return true;
    }
    bool refuse(const std::string& what, const std::string& name) {
        problem = "has a header entry \"" + name.substr(0, 200) + "\" that breaks a rule: " + what;
        return false;
    }
    bool refuse(const std::string& what) { return refuse("unexpected: " + what, key_); }

    Where where_ = Where::start;
    std::string key_;
    bool expects_value_ = false;
    std::set<std::string> names_;
};

HeaderReader read_header(const detail::ByteSource& source, std::uint64_t& data_begin) {
    if (source.size() < 10) source.fail("is no safetensors file: it has fewer than 10 bytes");
    const std::uint64_t length = detail::little_endian(source.text_at(0, 8).data(), 8);
    if (length > source.size() - 8 || length > max_header_bytes || length < 2)
        source.fail("is no safetensors file or truncated: header length " + std::to_string(length) + " of " +
                    detail::counted(source.size(), "byte") + " (from 2 to 100000000 and within the file)");
    const std::string header = source.text_at(8, static_cast<std::size_t>(length));
    if (header.front() != '{') source.fail("is no safetensors file: its header does not begin with {");
    HeaderReader reader;
    if (!json::sax_parse(header, &reader)) source.fail(reader.problem);
    data_begin = 8 + length;
    return reader;
}

// Sorted by place, the ranges must follow each other from 0 to the end of the file, each as long as its shape
// says.
void check_layout(const detail::ByteSource& source, std::vector<HeaderEntry>& entries,
                  std::uint64_t data_bytes) {
    std::stable_sort(entries.begin(), entries.end(),
                     [](const HeaderEntry& a, const HeaderEntry& b) { return a.offsets < b.offsets; });
    std::uint64_t expected = 0;
    for (const HeaderEntry& entry : entries) {
        const std::uint64_t begin = entry.offsets[0];
        const std::uint64_t end = entry.offsets[1];
        const std::string named = "has a tensor \"" + entry.name.substr(0, 200) + "\" ";
        const std::string range = fmt::format("[{}, {})", begin, end);
        if (begin > end || end > data_bytes)
            source.fail(named + "with the range " + range + " outside the " +
                        detail::counted(data_bytes, "byte") + " of data");
        if (begin != expected)
            source.fail(named + "with the range " + range +
                        (begin < expected ? " that overlaps another" : " after a hole") + ", byte " +
                        std::to_string(expected) + " comes next");
        const auto count = detail::checked_numel(entry.shape);
        std::uint64_t bytes = 0;
        if (!count ||
            __builtin_mul_overflow(static_cast<std::uint64_t>(*count), size_of(*entry.dtype), &bytes))
            source.fail(named + "of shape " + detail::shape_text(entry.shape) +
                        " whose size overflows 64 bits");
        if (bytes != end - begin)
            source.fail(named + "of " + to_string(*entry.dtype) + " " + detail::shape_text(entry.shape) +
                        ", which is " + detail::counted(bytes, "byte") + ", in a range of " +
                        std::to_string(end - begin));
        expected = end;
    }
    if (expected != data_bytes)
        source.fail("has " + detail::counted(data_bytes - expected, "byte") + " of data outside all tensors");
}

std::vector<std::size_t> wide_first(const TensorFile& file) {
    std::vector<std::size_t> order(file.tensors.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return size_of(file.tensors[a].second.dtype) > size_of(file.tensors[b].second.dtype);
    });
    return order;
}

void check_writable(const std::filesystem::path& path, const TensorFile& file) {
    std::set<std::string> names;
    for (const auto& [name, tensor] : file.tensors) {
        if (name == metadata_name || !names.insert(name).second)
            throw FileError(path.string() + ": cannot be written: the tensor name \"" + name +
                            "\" is reserved or occurs twice");
        const auto count = static_cast<std::uint64_t>(tensor.numel());
        if (tensor.bytes.size() / size_of(tensor.dtype) != count ||
            tensor.bytes.size() % size_of(tensor.dtype) != 0)
            throw FileError(path.string() + ": cannot be written: tensor \"" + name + "\" of " +
                            to_string(tensor.dtype) + " " + detail::shape_text(tensor.shape) + " has " +
                            detail::counted(tensor.bytes.size(), "byte"));
    }
}

std::string header_of(const TensorFile& file, const std::vector<std::size_t>& order) {
    std::string text = "{";
    if (!file.metadata.empty()) text += json(metadata_name).dump() + ":" + json(file.metadata).dump();
    std::uint64_t begin = 0;
    for (const std::size_t index : order) {
        const auto& [name, tensor] = file.tensors[index];
        const std::uint64_t end = begin + tensor.bytes.size();
        if (text.size() > 1) text += ',';
        text += json(name).dump() + R"(:{"dtype":")" + to_string(tensor.dtype) + R"(","shape":)" +
                json(tensor.shape).dump() + R"(,"data_offsets":[)" + std::to_string(begin) + "," +
                std::to_string(end) + "]}";
        begin = end;
    }
    text += '}';
    text.resize((text.size() + 7) / 8 * 8, ' ');
    return text;
}

}  // namespace

TensorFile read_safetensors(const std::filesystem::path& path) {
    const detail::ByteSource source(path);
    std::uint64_t data_begin = 0;
    HeaderReader header = read_header(source, data_begin);
    check_layout(source, header.entries, source.size() - data_begin);
    TensorFile file;
    file.metadata = std::move(header.metadata);
    file.tensors.reserve(header.entries.size());
    for (HeaderEntry& entry : header.entries) {
        TensorData tensor{*entry.dtype, std::move(entry.shape), {}};
        tensor.bytes.resize(static_cast<std::size_t>(entry.offsets[1] - entry.offsets[0]));
        source.read_at(data_begin + entry.offsets[0], tensor.bytes);
        file.tensors.emplace_back(std::move(entry.name), std::move(tensor));
    }
    return file;
}

MappedSafetensors::MappedSafetensors(const std::filesystem::path& path) {
    const detail::ByteSource source(path);
    std::uint64_t data_begin = 0;
    HeaderReader header = read_header(source, data_begin);
    check_layout(source, header.entries, source.size() - data_begin);
    mapping_ = source.map();
    const auto data = std::span<const std::byte>(mapping_).subspan(static_cast<std::size_t>(data_begin));
    for (HeaderEntry& entry : header.entries)
        tensors_.push_back({std::move(entry.name), *entry.dtype, std::move(entry.shape),
                            data.subspan(static_cast<std::size_t>(entry.offsets[0]),
                                         static_cast<std::size_t>(entry.offsets[1] - entry.offsets[0]))});
    metadata_ = std::move(header.metadata);
}

MappedSafetensors::~MappedSafetensors() { detail::unmap(mapping_); }

void write_safetensors(const std::filesystem::path& path, const TensorFile& file) {
    check_writable(path, file);
    const std::vector<std::size_t> order = wide_first(file);
    std::string header;
    try {
        header = header_of(file, order);
    } catch (const nlohmann::json::exception&) {
        throw FileError(path.string() + ": cannot be written: a tensor name or metadata text is not UTF-8");
    }
    if (header.size() > max_header_bytes)
        throw FileError(path.string() + ": cannot be written: its header of " +
                        detail::counted(header.size(), "byte") + " is above 100000000");
    AtomicFile output(path);
    std::string length(8, '\0');
    for (std::size_t i = 0; i < 8; ++i)
        length[i] = static_cast<char>((std::uint64_t{header.size()} >> (8 * i)) & 0xFF);
    output.write(length);
    output.write(header);
    for (const std::size_t index : order) output.write(file.tensors[index].second.bytes);
    output.commit();
}

}  // namespace attune
