#include "pickle.hpp"

#include <bit>
#include <unordered_map>
#include <utility>

#include "attune/space/detail/counted.hpp"
#include "pickle_globals.hpp"

// Operations as in Python's pickletools (protocols 2 to 5). Only those that build plain values are known;
// those that call methods of Python objects (NEWOBJ, INST, OBJ, EXT ...) are refused by name of their byte.

namespace attune::detail {
namespace {

constexpr std::size_t max_values = 2'000'000;

class PickleMachine {
  public:
    explicit PickleMachine(PickleInput& input) : input_(input) {}

    PickleGraph run() {
        while (true) {
            const std::uint64_t position = input_.position();
            const unsigned char operation = input_.byte();
            if (operation == '.') break;
            if (!build_scalar(operation) && !build_text(operation) && !build_container(operation) &&
                !use_memo(operation) && !build_object(operation))
                throw PickleProblem("has the pickle operation " + std::to_string(operation) + " at byte " +
                                    std::to_string(position) + ", which is not on the list of harmless ones");
        }
        graph_.root = pop();
        return std::move(graph_);
    }

  private:
    bool build_scalar(unsigned char operation) {
        switch (operation) {
            case 0x80:  // PROTO
                if (const unsigned char protocol = input_.byte(); protocol < 2 || protocol > 5)
                    throw PickleProblem("has a pickle of protocol " + std::to_string(protocol) +
                                        ", 2 to 5 are read");
                return true;
            case 0x95:  // FRAME: a hint for buffered readers
                (void)input_.number(8);
                return true;
            case 'N':
                return push(PickleNone{});
            case 0x88:
                return push(true);
            case 0x89:
                return push(false);
            case 'K':
                return push(static_cast<std::int64_t>(input_.number(1)));
            case 'M':
                return push(static_cast<std::int64_t>(input_.number(2)));
            case 'J':
                return push(std::int64_t{static_cast<std::int32_t>(input_.number(4))});
            case 0x8A:  // LONG1
                return push_long(input_.number(1));
            case 0x8B:  // LONG4
                return push_long(input_.number(4));
            case 'G':
                return push(std::bit_cast<double>(__builtin_bswap64(input_.number(8))));
            default:
                return false;
        }
    }

    bool build_text(unsigned char operation) {
        switch (operation) {
            case 'U':   // SHORT_BINSTRING
            case 'C':   // SHORT_BINBYTES
            case 0x8C:  // SHORT_BINUNICODE
                return push(PickleText{input_.text(input_.number(1))});
            case 'T':  // BINSTRING
            case 'B':  // BINBYTES
            case 'X':  // BINUNICODE
                return push(PickleText{input_.text(input_.number(4))});
            case 0x8D:  // BINUNICODE8
                return push(PickleText{input_.text(input_.number(8))});
            default:
                return false;
        }
    }

    bool build_container(unsigned char operation) {
        switch (operation) {
            case '(':
                spend();
                marks_.push_back(stack_.size());
                return true;
            case ')':
                return push(PickleTuple{});
            case 0x85:
            case 0x86:
            case 0x87:
                return push(PickleTuple{pop_last(operation - std::size_t{0x84})});
            case 't':
                return push(PickleTuple{pop_to_mark()});
            case ']':
                return push(PickleList{});
            case 'a':
                return append(pop_last(1));
            case 'e':
                return append(pop_to_mark());
            case '}':
                return push(PickleDictionary{});
            case 's':
                return set_items(pop_last(2));
            case 'u':
                return set_items(pop_to_mark());
            default:
                return false;
        }
    }

    bool use_memo(unsigned char operation) {
        switch (operation) {
            case 'q':
                return remember(input_.number(1));
            case 'r':
                return remember(input_.number(4));
            case 0x94:  // MEMOIZE
                return remember(memo_.size());
            case 'h':
                return recall(input_.number(1));
            case 'j':
                return recall(input_.number(4));
            default:
                return false;
        }
    }

    bool build_object(unsigned char operation) {
        switch (operation) {
            case 'c': {
                const std::string module = input_.line();
                return push(PickleGlobal{allowed_global(module, input_.line())});
            }
            case 0x93: {  // STACK_GLOBAL
                const std::vector<PickleRef> names = pop_last(2);
                return push(PickleGlobal{allowed_global(expect_text(names[0]), expect_text(names[1]))});
            }
            case 'R': {
                const std::vector<PickleRef> call = pop_last(2);
                const auto* name = std::get_if<PickleGlobal>(&graph_.at(call[0]));
                const auto* arguments = std::get_if<PickleTuple>(&graph_.at(call[1]));
                if (name == nullptr || arguments == nullptr)
                    throw PickleProblem("has a pickle that calls " + kind_of(graph_.at(call[0])) + " with " +
                                        kind_of(graph_.at(call[1])));
                PickleValue made = call_global(graph_, name->name, arguments->items);
                spend(copied_items(made));
                return push(std::move(made));
            }
            case 'b':
                return drop_state();
            case 'Q':
                return push(storage_of_id(graph_, pop_last(1)[0]));
            default:
                return false;
        }
    }

    // BUILD sets attributes, such as the versions that a state_dict carries beside its entries: they hold no
    // weights.
    bool drop_state() {
        (void)pop();
        if (stack_.empty() || !std::holds_alternative<PickleDictionary>(graph_.at(stack_.back())))
            throw PickleProblem("has a pickle that sets attributes of something other than a dictionary");
        return true;
    }

    // A call copies what its arguments hold, and these can be recalled any number of times for a few bytes
    // each.
    static std::size_t copied_items(const PickleValue& value) {
        if (const auto* dictionary = std::get_if<PickleDictionary>(&value)) return dictionary->items.size();
        if (const auto* tuple = std::get_if<PickleTuple>(&value)) return tuple->items.size();
        if (const auto* tensor = std::get_if<PickleTensor>(&value)) return 2 * tensor->shape.size();
        return 0;
    }

    const std::string& expect_text(PickleRef ref) const {
        if (const auto* text = std::get_if<PickleText>(&graph_.at(ref))) return text->text;
        throw PickleProblem("has a pickle with " + kind_of(graph_.at(ref)) + " where a name belongs");
    }

    void spend(std::size_t count = 1) {
        spent_ += count;
        if (spent_ > max_values)
            throw PickleProblem("has a pickle of more than " + detail::counted(max_values, "value"));
    }

    bool push(PickleValue value) {
        spend();
        graph_.values.push_back(std::move(value));
        stack_.push_back(static_cast<PickleRef>(graph_.values.size() - 1));
        return true;
    }

    bool push_long(std::uint64_t count) {
        const std::string bytes = input_.text(count);
        if (count > 8) return push(PickleBigInteger{bytes});
        std::uint64_t value = 0;
        for (std::size_t i = bytes.size(); i-- > 0;)
            value = (value << 8) | static_cast<unsigned char>(bytes[i]);
        const bool negative = !bytes.empty() && (static_cast<unsigned char>(bytes.back()) & 0x80U) != 0;
        if (negative && count < 8) value |= ~std::uint64_t{0} << (8 * count);
        return push(static_cast<std::int64_t>(value));
    }

    PickleRef pop() { return pop_last(1)[0]; }

    // Values below the last mark belong to a container that is still being collected.
    std::vector<PickleRef> pop_last(std::size_t count) {
        const std::size_t floor = marks_.empty() ? 0 : marks_.back();
        if (stack_.size() - floor < count)
            throw PickleProblem("has a damaged pickle: an operation lacks its arguments");
        std::vector<PickleRef> values(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
        stack_.resize(stack_.size() - count);
        return values;
    }

    std::vector<PickleRef> pop_to_mark() {
        if (marks_.empty()) throw PickleProblem("has a damaged pickle: an operation lacks its mark");
        std::vector<PickleRef> values = pop_last(stack_.size() - marks_.back());
        marks_.pop_back();
        return values;
    }

    bool append(const std::vector<PickleRef>& values) {
        auto* list = stack_.empty() ? nullptr : std::get_if<PickleList>(&graph_.values[stack_.back()]);
        if (list == nullptr)
            throw PickleProblem("has a damaged pickle: it appends to something other than a list");
        list->items.insert(list->items.end(), values.begin(), values.end());
        return true;
    }

    bool set_items(const std::vector<PickleRef>& values) {
        auto* dictionary =
            stack_.empty() ? nullptr : std::get_if<PickleDictionary>(&graph_.values[stack_.back()]);
        if (dictionary == nullptr || values.size() % 2 != 0)
            throw PickleProblem("has a damaged pickle: it sets entries of something other than a dictionary");
        dictionary->items.insert(dictionary->items.end(), values.begin(), values.end());
        return true;
    }

    bool remember(std::uint64_t index) {
        if (stack_.empty()) throw PickleProblem("has a damaged pickle: it remembers nothing");
        spend();
        memo_[index] = stack_.back();
        return true;
    }

    bool recall(std::uint64_t index) {
        const auto found = memo_.find(index);
        if (found == memo_.end())
            throw PickleProblem("has a damaged pickle: it recalls entry " + std::to_string(index) +
                                ", which was not remembered");
        spend();
        stack_.push_back(found->second);
        return true;
    }

    PickleInput& input_;
    PickleGraph graph_;
    std::vector<PickleRef> stack_;
    std::vector<std::size_t> marks_;
    std::unordered_map<std::uint64_t, PickleRef> memo_;
    std::size_t spent_ = 0;
};

}  // namespace

PickleGraph read_pickle(PickleInput& input) { return PickleMachine(input).run(); }

}  // namespace attune::detail
