#include <algorithm>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "attune/error.hpp"
#include "attune/files/atomic_file.hpp"
#include "attune/files/torch_file.hpp"
#include "byte_source.hpp"
#include "little_endian_text.hpp"
#include "zip_writer.hpp"

namespace attune {
namespace {

/// The operations of Python's pickle machine (pickletools) that a state dictionary takes; those of
/// protocol 2.
namespace op {
constexpr const char* protocol = "\x80\x02";
constexpr char mark = '(', tuple = 't', empty_tuple = ')', reduce = 'R', global = 'c', text = 'X',
               four_bytes = 'J', eight_bytes = '\x8A', no = '\x89', persistent_id = 'Q', set_items = 'u',
               stop = '.';
}  // namespace op

using detail::little;

std::string text(const std::string& value) { return op::text + little(value.size(), 4) + value; }

std::string global(const std::string& module, const std::string& name) {
    return op::global + module + "\n" + name + "\n";
}

std::string number(std::int64_t value) {
    if (value >= 0 && value <= INT32_MAX)
        return op::four_bytes + little(static_cast<std::uint64_t>(value), 4);
    return op::eight_bytes + little(8, 1) + little(static_cast<std::uint64_t>(value), 8);
}

std::string numbers(const std::vector<std::int64_t>& values) {
    std::string result(1, op::mark);
    for (const auto value : values) result += number(value);
    return result + op::tuple;
}

std::vector<std::int64_t> row_major_strides(const std::vector<std::int64_t>& shape) {
    std::vector<std::int64_t> strides(shape.size(), 1);
    for (std::size_t i = shape.size(); i-- > 1;)
        strides[i - 1] = strides[i] * std::max<std::int64_t>(shape[i], 1);
    return strides;
}

/// The name of torch's storage class; null where it has none that old and new versions know.
const char* storage_class(DType dtype) {
    switch (dtype) {
        case DType::boolean:
            return "BoolStorage";
        case DType::u8:
            return "ByteStorage";
        case DType::i8:
            return "CharStorage";
        case DType::i16:
            return "ShortStorage";
        case DType::f16:
            return "HalfStorage";
        case DType::bf16:
            return "BFloat16Storage";
        case DType::i32:
            return "IntStorage";
        case DType::f32:
            return "FloatStorage";
        case DType::f64:
            return "DoubleStorage";
        case DType::i64:
            return "LongStorage";
        case DType::u16:
        case DType::u32:
        case DType::u64:
            break;
    }
    return nullptr;
}

void check_writable(const std::filesystem::path& path, const TensorFile& file) {
    std::set<std::string> names;
    for (const auto& [name, tensor] : file.tensors) {
        const auto refuse = [&, &entry = name](const std::string& why) {
            throw FileError(path.string() + ": cannot be written: the tensor \"" + entry.substr(0, 200) +
                            "\" " + why);
        };
        if (!names.insert(name).second) refuse("occurs twice");
        if (name.size() > UINT32_MAX) refuse("has a name of more than 4 GiB");
        if (storage_class(tensor.dtype) == nullptr)
            refuse("is of the type " + to_string(tensor.dtype) + ", which torch.save has no storage for");
        const auto count = static_cast<std::uint64_t>(tensor.numel());
        if (tensor.bytes.size() / size_of(tensor.dtype) != count ||
            tensor.bytes.size() % size_of(tensor.dtype) != 0)
            refuse("of shape " + detail::shape_text(tensor.shape) + " has " +
                   std::to_string(tensor.bytes.size()) + " bytes");
    }
}

/// torch._utils._rebuild_tensor_v2(storage, offset, shape, strides, requires_grad, hooks)
std::string tensor_text(const TensorData& tensor, const std::string& key) {
    const std::string storage = op::mark + text("storage") + global("torch", storage_class(tensor.dtype)) +
                                text(key) + text("cpu") + number(tensor.numel()) + op::tuple +
                                op::persistent_id;
    const std::string hooks = global("collections", "OrderedDict") + op::empty_tuple + op::reduce;
    return global("torch._utils", "_rebuild_tensor_v2") + op::mark + storage + number(0) +
           numbers(tensor.shape) + numbers(row_major_strides(tensor.shape)) + op::no + hooks + op::tuple +
           op::reduce;
}

std::string pickle_of(const TensorFile& file) {
    std::string result =
        op::protocol + global("collections", "OrderedDict") + op::empty_tuple + op::reduce + op::mark;
    for (std::size_t i = 0; i < file.tensors.size(); ++i)
        result += text(file.tensors[i].first) + tensor_text(file.tensors[i].second, std::to_string(i));
    return result + op::set_items + op::stop;
}

}  // namespace

void write_torch_file(const std::filesystem::path& path, const TensorFile& file) {
    check_writable(path, file);
    AtomicFile output(path);
    detail::ZipWriter archive(output);
    const auto add_text = [&](const std::string& name, const std::string& content) {
        archive.add("archive/" + name, std::as_bytes(std::span(content)));
    };
    add_text("data.pkl", pickle_of(file));
    add_text("byteorder", "little");
    for (std::size_t i = 0; i < file.tensors.size(); ++i)
        archive.add("archive/data/" + std::to_string(i), file.tensors[i].second.bytes);
    add_text("version", "3\n");
    archive.finish();
    output.commit();
}

}  // namespace attune
