#include <algorithm>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "attune/space/detail/counted.hpp"
#include "attune/storage/binary_codec.hpp"
#include "attune/storage/json_codec.hpp"
#include "byte_stream.hpp"

namespace attune {
namespace {

using bytes::Reader;
using bytes::Writer;

// An event is its kind (the index in EventBody, part of the format), its time and its members in the order in
// which they are declared. Optional members and flags are announced by bits of one byte.

constexpr std::size_t smallest_event = 10;

[[noreturn]] void unknown(const char* what, unsigned number) {
    throw InvalidEventBytes(std::string(what) + " " + std::to_string(number) + " is unknown");
}

template <class E>
E enumerator(unsigned number, E last, const char* what) {
    if (number > static_cast<unsigned>(last)) unknown(what, number);
    return static_cast<E>(number);
}

// ---------------------------------------------------------------- parts

/// Names must be UTF-8, since JSON, which studies are exported to, has no others.
void write_name(Writer& out, const std::string& name) {
    const bool ascii = std::all_of(name.begin(), name.end(), [](char c) { return (c & 0x80) == 0; });
    try {
        if (!ascii) (void)Json(name).dump();
    } catch (const Json::exception&) {
        throw InvalidEventBytes("an event holds a name that is not UTF-8, which cannot be stored");
    }
    out.text(name);
}

void write(Writer& out, const Value& value) {
    out.byte(static_cast<unsigned>(value.index()));
    if (const auto* flag = std::get_if<bool>(&value)) return out.byte(*flag ? 1 : 0);
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return out.integer(*integer);
    if (const auto* number = std::get_if<double>(&value)) return out.number(*number);
    out.text(std::get<std::string>(value));
}

Value read_value(Reader& in) {
    switch (const unsigned type = in.byte(); type) {
        case 0:
            return enumerator(in.byte(), true, "truth value") ? Value(true) : Value(false);
        case 1:
            return in.integer();
        case 2:
            return in.number();
        case 3:
            return std::string(in.text());
        default:
            unknown("a value's type", type);
    }
}

void write(Writer& out, const event::Values& values) {
    out.count(values.size());
    for (const auto& [name, value] : values) {
        write_name(out, name);
        write(out, value);
    }
}

event::Values read_values(Reader& in) {
    event::Values values;
    values.reserve(in.count_of(3));
    for (std::size_t left = values.capacity(); left > 0; --left) {
        std::string name(in.text());
        values.emplace_back(std::move(name), read_value(in));
    }
    return values;
}

void write(Writer& out, const Metrics& metrics) {
    out.count(metrics.size());
    for (const auto& [name, value] : metrics) {
        write_name(out, name);
        out.number(value);
    }
}

Metrics read_metrics(Reader& in) {
    Metrics metrics;
    for (std::uint64_t left = in.count_of(9); left > 0; --left) {
        std::string name(in.text());
        metrics.emplace_hint(metrics.end(), std::move(name), in.number());
    }
    return metrics;
}

std::uint32_t read_count_32(Reader& in) {
    const std::uint64_t number = in.count();
    if (number > ~std::uint32_t{0}) throw InvalidEventBytes("a count is beyond 32 bits");
    return static_cast<std::uint32_t>(number);
}

/// Bits that say which optional members follow, in the order in which they are asked about.
class Flags {
  public:
    explicit Flags(unsigned bits = 0) : bits_(bits) {}
    Flags& add(bool set) {
        bits_ |= static_cast<unsigned>(set) << next_++;
        return *this;
    }
    bool next() { return (bits_ >> next_++ & 1U) != 0; }
    [[nodiscard]] unsigned bits() const { return bits_; }
    void check_all_known() const {
        if (bits_ >> next_ != 0) unknown("the set of members", bits_);
    }

  private:
    unsigned bits_ = 0;
    unsigned next_ = 0;
};

// ---------------------------------------------------------------- kinds

// What describes spaces is rare: it is written as JSON, whose members can grow with the spaces.
template <class E>
void write_as_json(Writer& out, const E& e, const char* what) {
    try {
        out.text(to_json(Event{0, e}).dump());
    } catch (const Json::exception&) {
        throw InvalidEventBytes(std::string(what) +
                                " holds a name that is not UTF-8, which cannot be stored");
    }
}
template <class E>
E read_as_json(Reader& in, const char* what) {
    Event event = event_from_json(parse_json(in.text(), what));
    if (auto* body = std::get_if<E>(&event.body)) return std::move(*body);
    throw InvalidEventBytes(std::string(what) + " holds another event");
}

void write(Writer& out, const event::Created& e) { write_as_json(out, e, "the creation"); }
void write(Writer& out, const event::SpaceChanged& e) { write_as_json(out, e, "the change of the space"); }

void write(Writer& out, const event::Enqueued& e) { write(out, e.configuration); }

void write(Writer& out, const event::Suggested& e) {
    Flags flags;
    flags.add(!e.fixed.empty()).add(e.attempt != 0).add(e.group != -1).add(e.resumable);
    flags.add(e.enqueued.has_value()).add(!e.fit.empty()).add(e.worker != 0).add(e.until.has_value());
    out.byte(flags.bits());
    out.integer(e.trial);
    write(out, e.configuration);
    out.count(e.view);
    out.text(e.reason);
    out.text(e.role);
    if (!e.fixed.empty()) write(out, e.fixed);
    if (e.attempt != 0) out.count(e.attempt);
    if (e.group != -1) out.integer(e.group);
    if (e.enqueued) out.count(*e.enqueued);
    if (!e.fit.empty()) out.text(e.fit);
    if (e.worker != 0) out.count(e.worker);
    if (e.until) out.number(*e.until);
}
event::Suggested read_suggested(Reader& in) {
    Flags flags(in.byte());
    event::Suggested e;
    e.trial = in.integer();
    e.configuration = read_values(in);
    e.view = in.count();
    e.reason = in.text();
    e.role = in.text();
    if (flags.next()) e.fixed = read_values(in);
    if (flags.next()) e.attempt = read_count_32(in);
    if (flags.next()) e.group = in.integer();
    e.resumable = flags.next();
    if (flags.next()) e.enqueued = in.count();
    if (flags.next()) e.fit = in.text();
    if (flags.next()) e.worker = in.count();
    if (flags.next()) e.until = in.number();
    flags.check_all_known();
    return e;
}

void write(Writer& out, const event::Reported& e) {
    out.byte(e.claim ? 1 : 0);
    out.integer(e.trial);
    out.number(e.step);
    write(out, e.metrics);
    if (e.claim) out.count(*e.claim);
}
event::Reported read_reported(Reader& in) {
    Flags flags(in.byte());
    event::Reported e;
    e.trial = in.integer();
    e.step = in.number();
    e.metrics = read_metrics(in);
    if (flags.next()) e.claim = read_count_32(in);
    flags.check_all_known();
    return e;
}

void write(Writer& out, const event::Decided& e) {
    out.byte(Flags{}.add(e.claim.has_value()).add(!e.numbers.empty()).bits());
    out.integer(e.trial);
    out.number(e.step);
    out.byte(static_cast<unsigned>(e.decision));
    out.text(e.reason);
    if (e.claim) out.count(*e.claim);
    if (!e.numbers.empty()) write(out, e.numbers);
}
event::Decided read_decided(Reader& in) {
    Flags flags(in.byte());
    event::Decided e;
    e.trial = in.integer();
    e.step = in.number();
    e.decision = enumerator(in.byte(), Decision::stop, "decision");
    e.reason = in.text();
    if (flags.next()) e.claim = read_count_32(in);
    if (flags.next()) e.numbers = read_metrics(in);
    flags.check_all_known();
    return e;
}

void write(Writer& out, const event::Interrupted& e) {
    out.byte(e.claim ? 1 : 0);
    out.integer(e.trial);
    if (e.claim) out.count(*e.claim);
}
event::Interrupted read_interrupted(Reader& in) {
    Flags flags(in.byte());
    event::Interrupted e;
    e.trial = in.integer();
    if (flags.next()) e.claim = read_count_32(in);
    flags.check_all_known();
    return e;
}

void write(Writer& out, const event::Resumed& e) {
    Flags flags;
    flags.add(e.from_start).add(e.worker != 0).add(e.until.has_value()).add(e.view != 0);
    flags.add(e.attempt != 0).add(e.only_resume).add(!e.reason.empty() || !e.role.empty());
    flags.add(!e.fit.empty());
    out.byte(flags.bits());
    out.integer(e.trial);
    if (e.worker != 0) out.count(e.worker);
    if (e.until) out.number(*e.until);
    if (e.view != 0) out.count(e.view);
    if (e.attempt != 0) out.count(e.attempt);
    if (!e.reason.empty() || !e.role.empty()) {
        out.text(e.reason);
        out.text(e.role);
    }
    if (!e.fit.empty()) out.text(e.fit);
}
event::Resumed read_resumed(Reader& in) {
    Flags flags(in.byte());
    event::Resumed e;
    e.trial = in.integer();
    e.from_start = flags.next();
    if (flags.next()) e.worker = in.count();
    if (flags.next()) e.until = in.number();
    if (flags.next()) e.view = in.count();
    if (flags.next()) e.attempt = read_count_32(in);
    e.only_resume = flags.next();
    if (flags.next()) {
        e.reason = in.text();
        e.role = in.text();
    }
    if (flags.next()) e.fit = in.text();
    flags.check_all_known();
    return e;
}

void write(Writer& out, const event::Finished& e) {
    Flags flags;
    flags.add(e.failure.has_value()).add(!e.reason.empty()).add(e.cost.has_value());
    flags.add(e.duration_seconds.has_value()).add(e.configuration.has_value()).add(e.claim.has_value());
    out.byte(flags.bits());
    out.integer(e.trial);
    out.byte(static_cast<unsigned>(e.state));
    write(out, e.metrics);
    if (e.failure) out.byte(static_cast<unsigned>(*e.failure));
    if (!e.reason.empty()) out.text(e.reason);
    if (e.cost) out.number(*e.cost);
    if (e.duration_seconds) out.number(*e.duration_seconds);
    if (e.configuration) write(out, *e.configuration);
    if (e.claim) out.count(*e.claim);
}
event::Finished read_finished(Reader& in) {
    Flags flags(in.byte());
    event::Finished e;
    e.trial = in.integer();
    e.state = enumerator(in.byte(), TrialState::failed, "state");
    e.metrics = read_metrics(in);
    if (flags.next()) e.failure = enumerator(in.byte(), FailureKind::environment, "kind of failure");
    if (flags.next()) e.reason = in.text();
    if (flags.next()) e.cost = in.number();
    if (flags.next()) e.duration_seconds = in.number();
    if (flags.next()) e.configuration = read_values(in);
    if (flags.next()) e.claim = read_count_32(in);
    flags.check_all_known();
    return e;
}

void write(Writer& out, const event::Attribute& e) {
    out.integer(e.trial);
    out.text(e.key);
    out.text(e.value);
}
event::Attribute read_attribute(Reader& in) {
    event::Attribute e;
    e.trial = in.integer();
    e.key = in.text();
    e.value = in.text();
    return e;
}

void write(Writer& out, const event::Ended& e) { out.text(e.reason); }

EventBody read_body(unsigned kind, Reader& in) {
    switch (kind) {
        case 0:
            return read_as_json<event::Created>(in, "the creation");
        case 1:
            return event::Enqueued{read_values(in)};
        case 2:
            return read_suggested(in);
        case 3:
            return read_reported(in);
        case 4:
            return read_decided(in);
        case 5:
            return read_interrupted(in);
        case 6:
            return read_resumed(in);
        case 7:
            return read_finished(in);
        case 8:
            return read_attribute(in);
        case 9:
            return event::Ended{std::string(in.text())};
        case 10:
            return read_as_json<event::SpaceChanged>(in, "the change of the space");
        default:
            unknown("its kind", kind);
    }
}

}  // namespace

std::string to_bytes(std::span<const Event> events) {
    Writer out;
    constexpr std::size_t usual_size = 96;
    out.out.reserve(usual_size * events.size());
    out.byte(static_cast<unsigned>(binary_event_version));
    for (const Event& event : events) {
        out.byte(static_cast<unsigned>(event.body.index()));
        out.number(event.time_seconds);
        std::visit([&](const auto& body) { write(out, body); }, event.body);
    }
    return std::move(out.out);
}

void from_bytes(std::string_view bytes, std::uint64_t count, std::vector<Event>& events) {
    Reader in(bytes);
    const unsigned version = in.byte();
    if (version == 0 || version > static_cast<unsigned>(binary_event_version))
        throw InvalidEventBytes("events of format version " + std::to_string(version) +
                                ", but this program reads versions 1 to " +
                                std::to_string(binary_event_version) +
                                "; a later version of Attune wrote them");
    if (count > in.left() / smallest_event) throw InvalidEventBytes("it is too short for its events");
    const std::size_t before = events.size();
    try {
        for (std::uint64_t i = 0; i < count; ++i) {
            const unsigned kind = in.byte();
            const double time = in.number();
            events.push_back({time, read_body(kind, in)});
        }
        if (!in.at_end()) throw InvalidEventBytes(detail::counted(in.left(), "byte") + " left over");
    } catch (const Error& error) {
        const std::string which = std::to_string(events.size() - before);
        events.erase(events.begin() + static_cast<std::ptrdiff_t>(before), events.end());
        throw InvalidEventBytes("event " + which + " of " + std::to_string(count) + ": " + error.what());
    }
}

}  // namespace attune
