#include "pickle_flatten.hpp"

#include <charconv>
#include <unordered_map>
#include <unordered_set>

#include "attune/space/detail/counted.hpp"
#include "pickle_globals.hpp"

namespace attune::detail {
namespace {

constexpr int max_depth = 64;
constexpr std::size_t max_visits = 2'000'000;
constexpr std::size_t max_text_bytes = std::size_t{64} << 20;

std::string number_text(double value) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    return std::string(digits, end);
}

std::string hexadecimal(const std::string& little_endian_bytes) {
    static constexpr const char* digits = "0123456789abcdef";
    std::string text = "0x";
    for (std::size_t i = little_endian_bytes.size(); i-- > 0;) {
        const auto byte = static_cast<unsigned char>(little_endian_bytes[i]);
        text += digits[byte >> 4];
        text += digits[byte & 15];
    }
    return text;
}

class Flattener {
  public:
    explicit Flattener(const PickleGraph& graph) : graph_(graph) {}

    FlatPickle run() {
        const PickleValue& root = graph_.at(graph_.root);
        if (std::holds_alternative<PickleTensor>(root))
            visit(graph_.root, "tensor", 0);
        else
            visit(graph_.root, "", 0);
        return std::move(flat_);
    }

  private:
    void visit(PickleRef ref, const std::string& name, int depth) {
        if (depth > max_depth)
            throw PickleProblem("has values nested deeper than " + std::to_string(max_depth) + " at " +
                                name.substr(0, 200));
        if (++visits_ > max_visits)
            throw PickleProblem("has more than " + detail::counted(max_visits, "value"));
        const PickleValue& value = graph_.at(ref);
        if (const auto* dictionary = std::get_if<PickleDictionary>(&value))
            visit_dictionary(*dictionary, name, depth);
        else if (const auto* list = std::get_if<PickleList>(&value))
            visit_items(list->items, name, depth);
        else if (const auto* tuple = std::get_if<PickleTuple>(&value))
            visit_items(tuple->items, name, depth);
        else if (const auto* tensor = std::get_if<PickleTensor>(&value))
            flat_.tensors.emplace_back(claim(name), tensor);
        else if (const auto text = scalar_text(value))
            flat_.metadata.emplace(claim(name), *text);
    }

    void visit_dictionary(const PickleDictionary& dictionary, const std::string& name, int depth) {
        // As in Python, an entry keeps its first place and its last value.
        std::vector<std::pair<std::string, PickleRef>> entries;
        std::unordered_map<std::string, std::pair<std::size_t, std::size_t>> places;
        for (std::size_t i = 0; i + 1 < dictionary.items.size(); i += 2) {
            const PickleValue& key = graph_.at(dictionary.items[i]);
            const auto text = scalar_text(key);
            if (!text)
                throw PickleProblem("has a dictionary key that is " + kind_of(key) + " in " +
                                    name.substr(0, 200));
            const auto [place, is_new] = places.try_emplace(*text, entries.size(), key.index());
            if (is_new)
                entries.emplace_back(*text, dictionary.items[i + 1]);
            else if (place->second.second != key.index())
                throw PickleProblem("has two entries called " + text->substr(0, 200) +
                                    " of different kinds of key");
            else
                entries[place->second.first].second = dictionary.items[i + 1];
        }
        const std::size_t tensors_before = flat_.tensors.size();
        for (const auto& [key, ref] : entries) visit(ref, join(name, key), depth + 1);
        const bool nested = depth > 0 && flat_.tensors.size() > tensors_before;
        if (nested && name.find('\n') == std::string::npos) flat_.dictionaries.push_back(name);
    }

    void visit_items(const std::vector<PickleRef>& items, const std::string& name, int depth) {
        for (std::size_t i = 0; i < items.size(); ++i)
            visit(items[i], join(name, std::to_string(i)), depth + 1);
    }

    std::optional<std::string> scalar_text(const PickleValue& value) {
        std::optional<std::string> text;
        if (std::holds_alternative<PickleNone>(value)) text = "null";
        if (const auto* boolean = std::get_if<bool>(&value)) text = *boolean ? "true" : "false";
        if (const auto* integer = std::get_if<std::int64_t>(&value)) text = std::to_string(*integer);
        if (const auto* real = std::get_if<double>(&value)) text = number_text(*real);
        if (const auto* words = std::get_if<PickleText>(&value)) text = words->text;
        if (const auto* huge = std::get_if<PickleBigInteger>(&value)) text = hexadecimal(huge->bytes);
        if (const auto* global = std::get_if<PickleGlobal>(&value)) text = global->name;
        if (text) spend(text->size());
        return text;
    }

    std::string join(const std::string& name, const std::string& key) {
        spend(name.size() + key.size());
        return name.empty() ? key : name + "." + key;
    }

    const std::string& claim(const std::string& name) {
        const auto [place, is_new] = names_.insert(name);
        if (!is_new) throw PickleProblem("has two values called " + name.substr(0, 200));
        return *place;
    }

    void spend(std::size_t bytes) {
        text_bytes_ += bytes;
        if (text_bytes_ > max_text_bytes)
            throw PickleProblem("has more than " + detail::counted(max_text_bytes, "byte") +
                                " of names and texts");
    }

    const PickleGraph& graph_;
    FlatPickle flat_;
    std::unordered_set<std::string> names_;
    std::size_t visits_ = 0;
    std::size_t text_bytes_ = 0;
};

}  // namespace

FlatPickle flatten(const PickleGraph& graph) { return Flattener(graph).run(); }

}  // namespace attune::detail
