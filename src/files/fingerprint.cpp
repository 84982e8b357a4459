#include "attune/files/fingerprint.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "attune/error.hpp"
#include "byte_source.hpp"

namespace attune {
namespace {

std::string fingerprint_text(std::uint64_t hash) {
    std::array<char, 17> digits{};
    std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash));
    return std::string("fnv1a64:") + digits.data();
}

// Absolute first: a listing of "." and one of the same folder's full name must agree.
std::string name_below(const std::filesystem::path& file, const std::filesystem::path& root) {
    return std::filesystem::absolute(file)
        .lexically_normal()
        .lexically_relative(std::filesystem::absolute(root).lexically_normal())
        .generic_string();
}

std::uint64_t hash_of(const detail::ByteSource& source) {
    std::uint64_t hash = fnv1a64("");
    constexpr std::uint64_t step = std::uint64_t{1} << 20;
    for (std::uint64_t at = 0; at < source.size(); at += step)
        hash =
            fnv1a64(source.text_at(at, static_cast<std::size_t>(std::min(step, source.size() - at))), hash);
    return hash;
}

std::string line_of(const ImageSample& sample, const ImageListing& listing) {
    const detail::ByteSource source(sample.path);
    // Lengths before texts, so that no name can imitate the separators.
    const std::string name = name_below(sample.path, listing.root);
    const std::string& label = listing.classes.at(static_cast<std::size_t>(sample.label));
    return std::to_string(name.size()) + ":" + name + " " + std::to_string(source.size()) + " " +
           fingerprint_text(hash_of(source)) + " " + std::to_string(label.size()) + ":" + label + " " +
           to_string(sample.split) + "\n";
}

}  // namespace

std::uint64_t fnv1a64(std::string_view bytes, std::uint64_t state) noexcept {
    for (const char byte : bytes) state = (state ^ static_cast<unsigned char>(byte)) * 0x100000001B3u;
    return state;
}

std::string fingerprint_files(const ImageListing& listing) {
    std::vector<std::string> lines;
    lines.reserve(listing.samples.size() + 1);
    for (const ImageSample& sample : listing.samples) lines.push_back(line_of(sample, listing));
    std::sort(lines.begin(), lines.end());
    std::uint64_t hash = fnv1a64("");
    for (const std::string& name : listing.classes)
        hash = fnv1a64(std::to_string(name.size()) + ":" + name + "\n", hash);
    for (const std::string& line : lines) hash = fnv1a64(line, hash);
    return fingerprint_text(hash);
}

std::string fingerprint_file(const std::filesystem::path& path) {
    return fingerprint_text(hash_of(detail::ByteSource(path)));
}

}  // namespace attune
