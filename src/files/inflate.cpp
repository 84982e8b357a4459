#include "inflate.hpp"

#include <zlib.h>

#include <algorithm>

namespace attune::detail {

bool inflate_raw(std::span<const std::byte> compressed, std::size_t expected, std::vector<std::byte>& out) {
    constexpr std::size_t step = std::size_t{1} << 20;
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
    struct End {
        z_stream& stream;
        ~End() { inflateEnd(&stream); }
    } const end{stream};
    out.clear();
    std::size_t taken = 0;
    int state = Z_OK;
    std::byte overflow{};
    while (state == Z_OK) {
        if (stream.avail_in == 0) {
            const std::size_t part = std::min(compressed.size() - taken, step);
            // zlib declares its input without const and does not write to it.
            stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(compressed.data() + taken));
            stream.avail_in = static_cast<uInt>(part);
            taken += part;
        }
        const std::size_t room = std::min(expected - out.size(), step);
        const std::size_t begin = out.size();
        out.resize(begin + room);
        stream.next_out = reinterpret_cast<Bytef*>(room > 0 ? out.data() + begin : &overflow);
        stream.avail_out = room > 0 ? static_cast<uInt>(room) : 1U;
        const uInt offered = stream.avail_out;
        state = inflate(&stream, Z_NO_FLUSH);
        const std::size_t made = offered - stream.avail_out;
        if (room == 0 && made > 0) return false;
        out.resize(begin + made);
    }
    return state == Z_STREAM_END && out.size() == expected && stream.avail_in == 0 &&
           taken == compressed.size();
}

}  // namespace attune::detail
