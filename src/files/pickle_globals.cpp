#include "pickle_globals.hpp"

#include <array>
#include <utility>

#include "attune/space/detail/counted.hpp"
#include "byte_source.hpp"

namespace attune::detail {
namespace {

constexpr const char* ordered_dictionary = "collections OrderedDict";
constexpr const char* rebuild_tensor = "torch._utils _rebuild_tensor";
constexpr const char* rebuild_tensor_2 = "torch._utils _rebuild_tensor_v2";
constexpr const char* rebuild_tensor_3 = "torch._utils _rebuild_tensor_v3";
constexpr const char* rebuild_parameter = "torch._utils _rebuild_parameter";
constexpr const char* torch_size = "torch Size";
constexpr const char* untyped_storage = "torch.storage UntypedStorage";

constexpr std::array<std::pair<const char*, DType>, 10> storages{{{"DoubleStorage", DType::f64},
                                                                  {"FloatStorage", DType::f32},
                                                                  {"HalfStorage", DType::f16},
                                                                  {"BFloat16Storage", DType::bf16},
                                                                  {"LongStorage", DType::i64},
                                                                  {"IntStorage", DType::i32},
                                                                  {"ShortStorage", DType::i16},
                                                                  {"CharStorage", DType::i8},
                                                                  {"ByteStorage", DType::u8},
                                                                  {"BoolStorage", DType::boolean}}};

constexpr std::array<std::pair<const char*, DType>, 13> element_types{{{"torch float64", DType::f64},
                                                                       {"torch float32", DType::f32},
                                                                       {"torch float16", DType::f16},
                                                                       {"torch bfloat16", DType::bf16},
                                                                       {"torch int64", DType::i64},
                                                                       {"torch int32", DType::i32},
                                                                       {"torch int16", DType::i16},
                                                                       {"torch int8", DType::i8},
                                                                       {"torch uint8", DType::u8},
                                                                       {"torch bool", DType::boolean},
                                                                       {"torch uint16", DType::u16},
                                                                       {"torch uint32", DType::u32},
                                                                       {"torch uint64", DType::u64}}};

template <class Table>
std::optional<DType> look_up(const Table& table, const std::string& name) {
    for (const auto& [known, dtype] : table)
        if (name == known) return dtype;
    return std::nullopt;
}

// "torch FloatStorage", and of files of the first versions of torch "torch.cuda FloatStorage".
std::optional<DType> storage_dtype(const std::string& global) {
    for (const std::string module : {"torch ", "torch.cuda "})
        if (global.starts_with(module)) return look_up(storages, global.substr(module.size()));
    return std::nullopt;
}

template <class T>
const T& expect(const PickleGraph& graph, PickleRef ref, const char* what) {
    if (const T* value = std::get_if<T>(&graph.at(ref))) return *value;
    throw PickleProblem(std::string("has a pickle with ") + kind_of(graph.at(ref)) + " where " + what +
                        " belongs");
}

std::vector<std::int64_t> whole_numbers(const PickleGraph& graph, PickleRef ref, const char* what) {
    std::vector<std::int64_t> numbers;
    for (const PickleRef item : expect<PickleTuple>(graph, ref, what).items) {
        numbers.push_back(expect<std::int64_t>(graph, item, what));
        if (numbers.back() < 0 || numbers.size() > 64)
            throw PickleProblem(
                std::string("has a tensor with a negative number or more than 64 of them in its ") + what);
    }
    return numbers;
}

// The last element that the view reads must lie inside the storage; an empty view reads nothing.
void check_inside(const PickleTensor& tensor, std::int64_t offset, std::int64_t capacity_bytes) {
    const auto count = checked_numel(tensor.shape);
    const std::string described = "has a tensor view of shape " + shape_text(tensor.shape) + " and strides " +
                                  shape_text(tensor.strides) + " at offset " + std::to_string(offset) +
                                  " that reads outside its storage of " +
                                  detail::counted(capacity_bytes, "byte");
    if (!count || tensor.strides.size() != tensor.shape.size() || offset < 0) throw PickleProblem(described);
    if (*count == 0) return;
    std::int64_t end = offset;
    bool overflow = false;
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
        std::int64_t reach = 0;
        overflow |= __builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &reach);
        overflow |= __builtin_add_overflow(end, reach, &end);
    }
    overflow |= __builtin_add_overflow(end, std::int64_t{1}, &end);
    overflow |= __builtin_mul_overflow(end, static_cast<std::int64_t>(size_of(tensor.dtype)), &end);
    if (overflow || end > capacity_bytes) throw PickleProblem(described);
}

PickleTensor tensor_of(const PickleGraph& graph, const std::string& name,
                       const std::vector<PickleRef>& arguments) {
    const std::size_t needed = name == rebuild_tensor ? 4 : name == rebuild_tensor_2 ? 6 : 7;
    if (arguments.size() < needed)
        throw PickleProblem("has a pickle that calls " + name + " with too few arguments");
    const auto& storage = expect<PickleStorage>(graph, arguments[0], "a storage");
    PickleTensor tensor{arguments[0], storage.dtype, 0, whole_numbers(graph, arguments[2], "a shape"),
                        whole_numbers(graph, arguments[3], "strides")};
    if (name == rebuild_tensor_3) {
        const std::string& dtype = expect<PickleGlobal>(graph, arguments[6], "an element type").name;
        const auto known = look_up(element_types, dtype);
        if (!known)
            throw PickleProblem("has a tensor of the element type " + dtype + ", which is not supported");
        tensor.dtype = *known;
    }
    const auto offset = expect<std::int64_t>(graph, arguments[1], "a storage offset");
    const auto storage_size = static_cast<std::int64_t>(size_of(storage.dtype));
    check_inside(tensor, offset, storage.view_numel * storage_size);
    // An empty view may state any offset: it reads nothing, and the product could overflow.
    const bool empty = checked_numel(tensor.shape) == 0;
    tensor.offset_bytes =
        empty ? 0 : storage.begin * storage_size + offset * static_cast<std::int64_t>(size_of(tensor.dtype));
    return tensor;
}

const std::vector<PickleRef>* sequence_of(const PickleValue& value) {
    if (const auto* list = std::get_if<PickleList>(&value)) return &list->items;
    if (const auto* tuple = std::get_if<PickleTuple>(&value)) return &tuple->items;
    return nullptr;
}

// Python 2 hands the pairs over in the call, Python 3 sets them afterwards.
PickleDictionary dictionary_of(const PickleGraph& graph, const std::vector<PickleRef>& arguments) {
    PickleDictionary dictionary;
    if (arguments.empty()) return dictionary;
    const auto* pairs = arguments.size() == 1 ? sequence_of(graph.at(arguments[0])) : nullptr;
    if (pairs == nullptr)
        throw PickleProblem("has a pickle that calls collections OrderedDict with unknown arguments");
    for (const PickleRef ref : *pairs) {
        const auto* pair = sequence_of(graph.at(ref));
        if (pair == nullptr || pair->size() != 2)
            throw PickleProblem(
                "has a pickle that calls collections OrderedDict with something other than pairs");
        dictionary.items.insert(dictionary.items.end(), pair->begin(), pair->end());
    }
    return dictionary;
}

}  // namespace

std::string allowed_global(const std::string& module, const std::string& name) {
    const std::string global = module + " " + name;
    for (const char* known : {ordered_dictionary, rebuild_tensor, rebuild_tensor_2, rebuild_tensor_3,
                              rebuild_parameter, torch_size, untyped_storage})
        if (global == known) return global;
    if (storage_dtype(global) || look_up(element_types, global)) return global;
    if ((module == "torch" || module == "torch.cuda") && name.ends_with("Storage"))
        throw PickleProblem("has tensors in a " + module + "." + name +
                            ", an element type that is not supported");
    throw PickleProblem(
        "needs the Python name " + module.substr(0, 200) + "." + name.substr(0, 200) +
        ", which is not on the list of harmless ones (nothing was executed); save the state_dict() "
        "alone, or convert the file to safetensors");
}

PickleValue call_global(const PickleGraph& graph, const std::string& name,
                        const std::vector<PickleRef>& arguments) {
    if (name == ordered_dictionary) return dictionary_of(graph, arguments);
    if (name == rebuild_tensor || name == rebuild_tensor_2 || name == rebuild_tensor_3)
        return tensor_of(graph, name, arguments);
    if (arguments.empty()) throw PickleProblem("has a pickle that calls " + name + " without arguments");
    if (name == rebuild_parameter) return expect<PickleTensor>(graph, arguments[0], "a tensor");
    if (name == torch_size) return expect<PickleTuple>(graph, arguments[0], "a tuple");
    throw PickleProblem("has a pickle that calls " + name + ", which cannot be called");
}

PickleStorage storage_of_id(const PickleGraph& graph, PickleRef id) {
    const auto& items = expect<PickleTuple>(graph, id, "the description of a storage").items;
    if (items.size() < 5 || expect<PickleText>(graph, items[0], "a text").text != "storage")
        throw PickleProblem("has a pickle with a persistent id that describes no storage");
    const std::string& type = expect<PickleGlobal>(graph, items[1], "a storage type").name;
    const auto dtype = type == untyped_storage ? std::optional(DType::u8) : storage_dtype(type);
    if (!dtype) throw PickleProblem("has a pickle with a storage of the type " + type);
    PickleStorage storage{expect<PickleText>(graph, items[2], "a storage key").text, *dtype,
                          expect<std::int64_t>(graph, items[4], "a number of elements"), 0, 0};
    if (storage.key.size() > 1000) throw PickleProblem("has a storage key of more than 1000 bytes");
    const std::int64_t largest = INT64_MAX / static_cast<std::int64_t>(size_of(*dtype));
    if (storage.numel < 0 || storage.numel > largest)
        throw PickleProblem("has a storage of " + detail::counted(storage.numel, "element"));
    storage.view_numel = storage.numel;
    if (items.size() > 5 && !std::holds_alternative<PickleNone>(graph.at(items[5]))) {
        const auto& view = expect<PickleTuple>(graph, items[5], "a view of a storage").items;
        if (view.size() != 3) throw PickleProblem("has a pickle with a damaged view of a storage");
        storage.begin = expect<std::int64_t>(graph, view[1], "an offset");
        storage.view_numel = expect<std::int64_t>(graph, view[2], "a number of elements");
        if (storage.begin < 0 || storage.view_numel < 0 || storage.begin > storage.numel ||
            storage.view_numel > storage.numel - storage.begin)
            throw PickleProblem("has a view that reaches outside its storage of " +
                                detail::counted(storage.numel, "element"));
    }
    return storage;
}

std::string kind_of(const PickleValue& value) {
    static constexpr std::array<const char*, 12> kinds{
        "nothing", "a boolean", "an integer",   "a number",      "a text",    "a huge integer",
        "a tuple", "a list",    "a dictionary", "a Python name", "a storage", "a tensor"};
    return kinds[value.index()];
}

}  // namespace attune::detail
