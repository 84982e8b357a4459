#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <system_error>

#include "attune/error.hpp"
#include "attune/files/study_export.hpp"
#include "little_endian_text.hpp"

namespace attune {
namespace {

constexpr std::array<std::uint32_t, 256> castagnoli = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < 256; ++i) {
        std::uint32_t rest = i;
        for (int bit = 0; bit < 8; ++bit) rest = (rest & 1U) != 0 ? rest >> 1 ^ 0x82F63B78U : rest >> 1;
        table[i] = rest;
    }
    return table;
}();

template <class Number>
void put(std::string& out, Number number) {
    out += detail::little(number, sizeof number);
}

// The few parts of protocol buffers that an event needs.
void put_count(std::string& out, std::uint64_t number) {
    for (; number >= 0x80; number >>= 7) out += static_cast<char>((number & 0x7f) | 0x80);
    out += static_cast<char>(number);
}
void put_key(std::string& out, unsigned field, unsigned type) { put_count(out, field << 3 | type); }
void put_bytes(std::string& out, unsigned field, std::string_view bytes) {
    put_key(out, field, 2);
    put_count(out, bytes.size());
    out += bytes;
}
void put_double(std::string& out, unsigned field, double number) {
    put_key(out, field, 1);
    put(out, std::bit_cast<std::uint64_t>(number));
}

/// Length, its checksum, the data, its checksum; the checksums turned, as TFRecord files have them.
std::string record(const std::string& data) {
    const auto masked = [](std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xA282EAD8U; };
    std::string out;
    put(out, std::uint64_t{data.size()});
    const std::string length = out;
    put(out, masked(length));
    out += data;
    put(out, masked(data));
    return out;
}

std::string scalar(std::string_view tag, double value) {
    std::string out;
    put_bytes(out, 1, tag);
    put_key(out, 2, 5);
    put(out, std::bit_cast<std::uint32_t>(static_cast<float>(value)));
    return out;
}

std::string text_value(unsigned field, std::string_view text) {
    std::string out;
    put_bytes(out, field, text);
    return out;
}

/// A hyperparameter as google.protobuf.Value: its HParams page knows numbers, texts and booleans.
std::string hyperparameter(const Value& value) {
    std::string out;
    if (const auto* flag = std::get_if<bool>(&value)) {
        put_key(out, 4, 0);
        put_count(out, *flag ? 1 : 0);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
        put_bytes(out, 3, *text);
    } else {
        const auto* whole = std::get_if<std::int64_t>(&value);
        put_double(out, 2, whole != nullptr ? static_cast<double>(*whole) : std::get<double>(value));
    }
    return out;
}

/// A summary that the HParams plugin reads: `content` is its HParamsPluginData behind the version.
std::string for_hparams(std::string_view tag, const std::string& content) {
    std::string metadata;
    put_bytes(metadata, 1, text_value(1, "hparams") + text_value(2, content));
    std::string value;
    put_bytes(value, 1, tag);
    put_bytes(value, 9, metadata);
    return text_value(1, value);
}

/// Begins a row of the HParams page: the trial's values.
std::string session_start(const TrialRecord& trial, double time_seconds) {
    std::string info;
    for (const auto& [name, value] : trial.configuration.values()) {
        std::string entry;
        put_bytes(entry, 1, name);
        put_bytes(entry, 2, hyperparameter(value));
        put_bytes(info, 1, entry);
    }
    put_bytes(info, 4, "trial " + std::to_string(trial.number));
    put_double(info, 5, time_seconds);
    return for_hparams("_hparams_/session_start_info", text_value(3, info));
}

/// Ends it: 1 is success, 2 failure.
std::string session_end(const TrialRecord& trial, double time_seconds) {
    std::string info;
    put_key(info, 1, 0);
    put_count(info, trial.state == TrialState::failed ? 2 : 1);
    put_double(info, 2, time_seconds);
    return for_hparams("_hparams_/session_end_info", text_value(4, info));
}

/// An event with this summary.
std::string event_record(double time_seconds, double step, const std::string& summary) {
    std::string data;
    put_double(data, 1, time_seconds);
    put_key(data, 2, 0);
    put_count(data, static_cast<std::uint64_t>(
                        static_cast<std::int64_t>(std::llround(std::isfinite(step) ? step : 0))));
    put_bytes(data, 5, summary);
    return record(data);
}

[[noreturn]] void fail(const std::filesystem::path& path, const char* action, int code) {
    throw FileError(path.string() + ": " + action + ": " + std::generic_category().message(code));
}

/// In one write, so that readers see whole records.
void append(const std::filesystem::path& path, const std::string& bytes) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0) fail(path, "cannot be opened for writing", errno);
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    const int code = errno;
    ::close(file);
    if (written != static_cast<ssize_t>(bytes.size()))
        fail(path, "cannot be written", written < 0 ? code : ENOSPC);
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
    std::uint32_t rest = ~0U;
    for (const char c : bytes) rest = castagnoli[(rest ^ static_cast<unsigned char>(c)) & 0xff] ^ rest >> 8;
    return ~rest;
}

TensorBoardFiles::TensorBoardFiles(std::filesystem::path folder) : folder_(std::move(folder)) {}

void TensorBoardFiles::operator()(const Study& study, const Event& event) {
    if (file_name_.empty())  // a file has one writer
        file_name_ = "events.out.tfevents." + std::to_string(static_cast<std::int64_t>(event.time_seconds)) +
                     ".attune." + std::to_string(::getpid());
    if (const auto* report = std::get_if<event::Reported>(&event.body))
        add(study.trial(report->trial), event.time_seconds, report->step, report->metrics, "");
    if (const auto* finished = std::get_if<event::Finished>(&event.body)) {
        const TrialRecord& trial = study.trial(finished->trial);
        if (trial.finished())
            add(trial, event.time_seconds, trial.reports.empty() ? 0 : trial.reports.back().step,
                trial.state == TrialState::failed ? Metrics{} : trial.metrics, "final/");
    }
}

void TensorBoardFiles::add(const TrialRecord& trial, double time_seconds, double step, const Metrics& metrics,
                           const std::string& prefix) {
    std::string number = std::to_string(trial.number);
    number.insert(0, number.size() < 5 ? 5 - number.size() : 0, '0');  // sorted as they were asked
    const std::filesystem::path run = folder_ / ("trial-" + number);
    std::string bytes;
    if (begun_.insert(trial.number).second) {
        std::error_code error;
        std::filesystem::create_directories(run, error);
        if (error) fail(run, "cannot be made", error.value());
        std::string first;
        put_double(first, 1, time_seconds);
        put_bytes(first, 3, "brain.Event:2");
        bytes += record(first) + event_record(time_seconds, 0, session_start(trial, time_seconds));
    }
    std::string summary;
    for (const auto& [name, value] : metrics) put_bytes(summary, 1, scalar(prefix + name, value));
    bytes += event_record(time_seconds, step, summary);
    if (trial.finished()) bytes += event_record(time_seconds, step, session_end(trial, time_seconds));
    append(run / file_name_, bytes);
}

}  // namespace attune
