#pragma once

#include <zlib.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "attune/error.hpp"

// GCC 12 takes "literal" + std::string for an overlapping copy once it is inlined (GCC bug 105651).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wrestrict"
#endif

/// Small files of the formats that weights come in, built byte by byte so that each can be made wrong in one
/// place.
namespace attune::test {

inline void write_text(const std::filesystem::path& path, const std::string& bytes) {
    std::filesystem::create_directories(path.parent_path());
    std::filesystem::remove(path);  // overwriting would make some file systems flush each time
    std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_text(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string little(std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>((value >> (8 * i)) & 0xFF);
    return text;
}

inline std::string floats(const std::vector<float>& values) {
    std::string text(values.size() * 4, '\0');
    if (!text.empty()) std::memcpy(text.data(), values.data(), text.size());
    return text;
}

/// The message of the attune::Error that `call` throws; empty where it throws none.
template <class Call>
std::string error_of(Call&& call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    return {};
}

/// How many of the shortened copies of `bytes` `read` accepts; anything but an attune::Error escapes.
template <class Read>
int accepted_truncations(const std::filesystem::path& path, const std::string& bytes, Read&& read) {
    int accepted = 0;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        write_text(path, bytes.substr(0, size));
        accepted += error_of([&] { read(path); }).empty() ? 1 : 0;
    }
    return accepted;
}

/// Reads copies of `bytes` with one byte changed in two ways each; anything but success or an attune::Error
/// escapes. Returns how many were refused.
template <class Read>
int refused_changes(const std::filesystem::path& path, const std::string& bytes, Read&& read) {
    int refused = 0;
    for (std::size_t at = 0; at < bytes.size(); ++at) {
        for (const unsigned change : {0x01U, 0xFFU}) {
            std::string changed = bytes;
            changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ change);
            write_text(path, changed);
            refused += error_of([&] { read(path); }).empty() ? 0 : 1;
        }
    }
    return refused;
}

// ---- pickles

inline std::string text_op(const std::string& text) { return "X" + little(text.size(), 4) + text; }
inline std::string int_op(std::int64_t value) {
    return "\x8A\x08" + little(static_cast<std::uint64_t>(value), 8);
}
inline std::string tuple_op(const std::vector<std::string>& items) {
    std::string text = "(";
    for (const std::string& item : items) text += item;
    return text + "t";
}
inline std::string ints_op(const std::vector<std::int64_t>& values) {
    std::vector<std::string> items;
    for (const std::int64_t value : values) items.push_back(int_op(value));
    return tuple_op(items);
}
inline std::string dictionary_op(const std::vector<std::pair<std::string, std::string>>& entries) {
    std::string text = "}(";
    for (const auto& [key, value] : entries) text += text_op(key) + value;
    return text + "u";
}
inline std::string storage_op(const std::string& type, const std::string& key, std::int64_t numel) {
    return tuple_op({text_op("storage"), "ctorch\n" + type + "\n", text_op(key), text_op("cuda:0"),
                     int_op(numel)}) +
           "Q";
}
inline std::string tensor_op(const std::string& storage, std::int64_t offset,
                             const std::vector<std::int64_t>& shape,
                             const std::vector<std::int64_t>& strides) {
    return "ctorch._utils\n_rebuild_tensor_v2\n" +
           tuple_op({storage, int_op(offset), ints_op(shape), ints_op(strides), "\x89",
                     "ccollections\nOrderedDict\n)R"}) +
           "R";
}
inline std::string pickle(const std::string& body) { return "\x80\x02" + body + "."; }

// ---- containers

struct ZipMember {
    std::string name;
    std::string content;
    bool deflated = false;
    std::uint32_t claimed_size = 0;  ///< 0: the true one
};

inline std::string deflate_raw(const std::string& content) {
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, content.size()) + 16, '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
    stream.avail_in = static_cast<uInt>(content.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

/// With `zip64`, sizes and places stand in the 64-bit records only.
inline std::string zip(const std::vector<ZipMember>& members, bool zip64 = false) {
    std::string file;
    std::string directory;
    for (const ZipMember& member : members) {
        const std::string data = member.deflated ? deflate_raw(member.content) : member.content;
        const auto crc = ::crc32(0, reinterpret_cast<const Bytef*>(member.content.data()),
                                 static_cast<uInt>(member.content.size()));
        const std::uint64_t size = member.claimed_size > 0 ? member.claimed_size : member.content.size();
        const std::string kind =
            little(0, 2) + little(member.deflated ? 8 : 0, 2) + little(0, 4) + little(crc, 4);
        const std::string extra = zip64 ? little(1, 2) + little(24, 2) + little(size, 8) +
                                              little(data.size(), 8) + little(file.size(), 8)
                                        : "";
        const auto number = [&](std::uint64_t value) {
            return zip64 ? std::string(4, '\xFF') : little(value, 4);
        };
        directory += "PK\x01\x02" + little(45, 2) + little(45, 2) + kind + number(data.size()) +
                     number(size) + little(member.name.size(), 2) + little(extra.size(), 2) +
                     std::string(10, '\0') + number(file.size()) + member.name + extra;
        file += "PK\x03\x04" + little(45, 2) + kind + little(data.size(), 4) + little(size, 4) +
                little(member.name.size(), 2) + little(0, 2) + member.name + data;
    }
    const std::uint64_t begin = file.size();
    const std::uint64_t count = members.size();
    file += directory;
    if (zip64) {
        const std::uint64_t record = file.size();
        file += "PK\x06\x06" + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8) +
                little(count, 8) + little(count, 8) + little(directory.size(), 8) + little(begin, 8);
        file += "PK\x06\x07" + little(0, 4) + little(record, 8) + little(1, 4);
    }
    const auto last = [&](std::uint64_t value, int bytes) {
        return zip64 ? std::string(static_cast<std::size_t>(bytes), '\xFF') : little(value, bytes);
    };
    return file + "PK\x05\x06" + little(0, 4) + last(count, 2) + last(count, 2) + last(directory.size(), 4) +
           last(begin, 4) + little(0, 2);
}

/// What torch.save writes for one object with float storages, as a zip archive.
inline std::string torch_zip(const std::string& object,
                             const std::vector<std::pair<std::string, std::string>>& storages) {
    std::vector<ZipMember> members{{"net/data.pkl", pickle(object)}, {"net/version", "3\n"}};
    for (const auto& [key, bytes] : storages) members.push_back({"net/data/" + key, bytes});
    return zip(members);
}

/// The same in the older format: five pickles and the storages.
inline std::string torch_stream(const std::string& object,
                                const std::vector<std::pair<std::string, std::string>>& storages) {
    std::string keys = "](";
    std::string data;
    for (const auto& [key, bytes] : storages) {
        keys += text_op(key);
        data += little(bytes.size() / 4, 8) + bytes;
    }
    return pickle("\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19") + pickle(int_op(1001)) +
           pickle(dictionary_op({{"little_endian", "\x88"}})) + pickle(object) + pickle(keys + "e") + data;
}

}  // namespace attune::test
