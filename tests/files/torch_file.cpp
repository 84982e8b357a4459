#include "attune/files/torch_file.hpp"

#include <doctest/doctest.h>

#include "attune/files/weights.hpp"
#include "sample_files.hpp"
#include "support/shared_data.hpp"

using namespace attune;
using namespace attune::test;

namespace {

const std::string six = floats({0, 1, 2, 3, 4, 5});
const std::string six_storage = storage_op("FloatStorage", "0", 6);

std::string bytes_of(const TensorData& tensor) {
    return {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
}

/// Both formats of one object.
std::vector<std::string> both(const std::string& object,
                              const std::vector<std::pair<std::string, std::string>>& storages) {
    return {torch_zip(object, storages), torch_stream(object, storages)};
}

void check_refused(const std::vector<std::string>& files, const std::string& part) {
    const TemporaryFolder folder;
    const auto path = folder.path() / "bad.pth";
    for (const std::string& bytes : files) {
        write_text(path, bytes);
        const std::string message = error_of([&] { (void)read_torch_file(path); });
        CHECK(message.starts_with(path.string()));
        CHECK_MESSAGE(message.find(part) != std::string::npos,
                      "\"" << message << "\" lacks \"" << part << "\"");
    }
}

}  // namespace

TEST_CASE("views become contiguous copies in both formats") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "a.pth";
    const std::string object = dictionary_op({{"whole", tensor_op(six_storage, 0, {2, 3}, {3, 1})},
                                              {"transposed", tensor_op(six_storage, 0, {3, 2}, {1, 3})},
                                              {"expanded", tensor_op(six_storage, 4, {2, 2}, {0, 1})},
                                              {"scalar", tensor_op(six_storage, 5, {}, {})},
                                              {"empty", tensor_op(six_storage, 0, {0, 3}, {3, 1})},
                                              {"epoch", int_op(-3)},
                                              {"rate", "G" + std::string("\x3F\xE0\0\0\0\0\0\0", 8)}});
    for (const std::string& bytes : both(object, {{"0", six}})) {
        write_text(path, bytes);
        const TensorFile file = read_torch_file(path);
        REQUIRE(file.tensors.size() == 5);
        CHECK(file.tensors[0].first == "whole");
        CHECK(bytes_of(*file.find("whole")) == six);
        CHECK(bytes_of(*file.find("transposed")) == floats({0, 3, 1, 4, 2, 5}));
        CHECK(file.find("transposed")->shape == std::vector<std::int64_t>{3, 2});
        CHECK(bytes_of(*file.find("expanded")) == floats({4, 5, 4, 5}));
        CHECK(bytes_of(*file.find("scalar")) == floats({5}));
        CHECK(file.find("empty")->bytes.empty());
        CHECK(file.metadata == std::map<std::string, std::string>{{"epoch", "-3"}, {"rate", "0.5"}});
    }
}

TEST_CASE("deflated and zip64 archives are read") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "a.pth";
    const std::string object = pickle(dictionary_op({{"w", tensor_op(six_storage, 0, {6}, {1})}}));
    for (const bool deflated : {false, true}) {
        for (const bool zip64 : {false, true}) {
            write_text(path, zip({{"net/data.pkl", object, deflated}, {"net/data/0", six, deflated}}, zip64));
            CHECK(bytes_of(*read_torch_file(path).find("w")) == six);
        }
    }
}

TEST_CASE("a pickle that wants more than plain values is refused by name") {
    const std::string tensor = tensor_op(six_storage, 0, {6}, {1});
    check_refused(both("cos\nsystem\n" + tuple_op({text_op("echo")}) + "R", {}), "os.system");
    check_refused(both("cbuiltins\neval\n" + tuple_op({text_op("1")}) + "R", {}), "builtins.eval");
    check_refused(both(text_op("os") + text_op("system") + "\x93", {}), "os.system");
    check_refused(both("ctorch._utils\n_rebuild_qtensor\n)R", {}), "_rebuild_qtensor");
    check_refused(both("(ios\nsystem\n", {}), "operation 105");
    check_refused(both("}" + text_op("x") + "\x81", {}), "operation 129");
    check_refused(both(tensor + "}b", {{"0", six}}), "sets attributes");
    check_refused(both(storage_op("ComplexFloatStorage", "0", 3), {}), "torch.ComplexFloatStorage");
    check_refused(both("ctorch\nFloatStorage\n)R", {}), "torch FloatStorage");
}

TEST_CASE("views outside their storage and views that are too large are refused") {
    const std::int64_t huge = std::int64_t{1} << 60;
    const auto one = [](const std::string& tensor) {
        return both(dictionary_op({{"w", tensor}}), {{"0", six}});
    };
    check_refused(one(tensor_op(six_storage, 0, {7}, {1})), "outside its storage");
    check_refused(one(tensor_op(six_storage, 1, {6}, {1})), "outside its storage");
    check_refused(one(tensor_op(six_storage, 0, {2, 3}, {4, 1})), "outside its storage");
    check_refused(one(tensor_op(six_storage, -1, {2}, {1})), "outside its storage");
    check_refused(one(tensor_op(six_storage, 0, {2}, {-1})), "negative");
    check_refused(one(tensor_op(six_storage, 0, {2, 3}, {1})), "outside its storage");
    check_refused(one(tensor_op(six_storage, 0, {huge, huge}, {huge, huge})), "outside its storage");
    check_refused(one(tensor_op(six_storage, 0, {3, 3}, {INT64_MAX, INT64_MAX})), "outside its storage");
    check_refused(one(tensor_op(six_storage, 0, {huge}, {0})), "the limit for a file");
    check_refused(one(tensor_op(six_storage, 0, {1 << 20, 64}, {0, 0})), "the limit for a file");
    check_refused(one(tensor_op(storage_op("FloatStorage", "0", INT64_MAX), 0, {1}, {1})), "elements");
    check_refused(one(tensor_op(storage_op("FloatStorage", "0", 7), 0, {1}, {1})), "storage");
    const std::string keyed =
        torch_stream(dictionary_op({{"w", tensor_op(storage_op("FloatStorage", "9414123", 6), 0, {6}, {1})}}),
                     {{"9414123", six}});
    check_refused({keyed.substr(0, keyed.size() - 1)}, "its storage with the key '9414123' of 24 bytes");
    check_refused(one(tensor_op(storage_op("FloatStorage", "9", 6), 0, {1}, {1})), "");
}

TEST_CASE("pickles that blow up in depth, sharing or names are refused") {
    check_refused(both(std::string(200, ']') + std::string(199, 'a'), {}), "nested deeper");
    check_refused(both("]q\x01h\x01"
                       "a",
                       {}),
                  "nested deeper");
    std::string doubled = "N";
    for (int level = 0; level < 40; ++level) doubled += std::string("q\x01h\x01\x86", 5);
    check_refused(both(doubled, {}), "more than");
    const std::string long_name = text_op(std::string(100'000, 'n')) + "q\x05";
    std::string names = long_name;
    for (int level = 0; level < 1000; ++level) names += "h\x05";
    check_refused(both("](" + names + "e", {}), "bytes of names");
    check_refused(both("](" + ints_op(std::vector<std::int64_t>(2000, 1)) + "q\x05" +
                           [] {
                               std::string calls;
                               for (int i = 0; i < 2000; ++i) calls += "ctorch\nSize\nh\x05\x85R";
                               return calls;
                           }() +
                           "e",
                       {}),
                  "more than 2000000 values");
    check_refused(both("X" + little(0xFFFFFFF0, 4), {}), "truncated");
    check_refused(both("h\x07", {}), "recalls entry 7");
    check_refused(both("t", {}), "lacks its mark");
    check_refused(both("u", {}), "lacks its mark");
    check_refused(both("}(K\x01u", {}), "sets entries");
    check_refused(both("((\x85", {}), "lacks its arguments");
    check_refused(
        both("}(" + text_op("a.b") + "K\x01" + text_op("a") + dictionary_op({{"b", "K\x02"}}) + "u", {}),
        "two values");
}

TEST_CASE("containers that are not what they claim are refused") {
    const std::string object = pickle(dictionary_op({{"w", tensor_op(six_storage, 0, {6}, {1})}}));
    check_refused({zip({{"net/other", "x"}})}, "without a data.pkl");
    check_refused({zip({{"a/data.pkl", object}, {"b/data.pkl", object}})}, "more than one data.pkl");
    check_refused({zip({{"net/data.pkl", object}, {"net/constants.pkl", object}})}, "TorchScript");
    check_refused({zip({{"net/data.pkl", object}, {"net/byteorder", "big"}})}, "byte order");
    check_refused({zip({{"net/data.pkl", object}})}, "lacks the zip entry net/data/0");
    check_refused({zip({{"net/data.pkl", object}, {"net/data/0", six}, {"net/data/0", six}})},
                  "two zip entries");
    check_refused({zip({{"net/data.pkl", object, true, 5}})}, "damaged compressed zip entry");
    check_refused({zip({{"net/data.pkl", std::string(300'000'000, '('), true}})},
                  "zip entry net/data.pkl of 300000000");
    check_refused({pickle("N") + "x"}, "not one of torch.save");
    check_refused({""}, "no file of torch.save");
    check_refused({"hello"}, "no file of torch.save");
    std::string tar(512, '\0');
    tar.replace(257, 5, "ustar");
    check_refused({tar}, "tar archive");
}

TEST_CASE("truncated and changed torch files are refused or read, never worse") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "a.pth";
    const auto read = [](const std::filesystem::path& file) { (void)state_dict_of(read_weights(file)); };
    const std::string object =
        dictionary_op({{"w", tensor_op(six_storage, 0, {2, 2}, {1, 3})}, {"e", int_op(1)}});
    for (const std::string& bytes : both(object, {{"0", six}})) {
        write_text(path, bytes);
        CHECK(error_of([&] { read(path); }) == "");
        CHECK(accepted_truncations(path, bytes, read) == 0);
        CHECK(refused_changes(path, bytes, read) > 100);
    }
}

TEST_CASE("the state dictionary of a checkpoint is found and its wrappers are taken off") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "a.pth";
    const std::string w = tensor_op(six_storage, 0, {6}, {1});
    const auto names = [&](const std::string& object) {
        write_text(path, torch_zip(object, {{"0", six}}));
        std::string list;
        for (const auto& [name, tensor] : state_dict_of(read_weights(path)).tensors) list += name + " ";
        return list;
    };
    const std::string optimizer =
        dictionary_op({{"state", dictionary_op({{"0", dictionary_op({{"m", w}})}})}});
    const std::string network = dictionary_op({{"module.a.weight", w}, {"module.b.weight", w}});
    CHECK(names(network) == "a.weight b.weight ");
    CHECK(names(dictionary_op({{"optimizer", optimizer}, {"state_dict", network}})) == "a.weight b.weight ");
    CHECK(names(dictionary_op({{"model", network}, {"optimizer", optimizer}, {"mean", w}})) ==
          "a.weight b.weight ");
    CHECK(names(dictionary_op({{"state_dict", dictionary_op({{"model", network}})}})) ==
          "a.weight b.weight ");
    CHECK(names(dictionary_op({{"backbone_of_mine", network}, {"epoch", "K\x01"}})) == "a.weight b.weight ");
    // A plain state dictionary of a network with a part called model keeps its names.
    CHECK(names(dictionary_op({{"model.a", w}, {"model.b", w}})) == "model.a model.b ");
    CHECK(names(dictionary_op({{"_orig_mod.module.a", w}})) == "a ");
    CHECK(names(dictionary_op({{"module.a", w}, {"b", w}})) == "module.a b ");
    CHECK(error_of([&] {
              names(dictionary_op({{"x", network}, {"y", network}}));
          }).find("x, y") != std::string::npos);
    CHECK(error_of([&] {
              names(dictionary_op({{"epoch", "K\x01"}}));
          }).find("no tensors") != std::string::npos);
    TensorFile flat;
    flat.tensors.emplace_back("state_dict.a", TensorData{DType::u8, {1}, std::vector<std::byte>(1)});
    flat.tensors.emplace_back("optimizer.a", TensorData{DType::u8, {1}, std::vector<std::byte>(1)});
    CHECK(state_dict_of(flat).tensors.size() == 1);
    CHECK(state_dict_of(flat).tensors[0].first == "a");
}

TEST_CASE("read_weights names a file of no known format") {
    const TemporaryFolder folder;
    const auto path = folder.path() / "a.bin";
    for (const std::string& bytes :
         {std::string("plain text, long enough"), std::string(), std::string(600, 'x')}) {
        write_text(path, bytes);
        CHECK(error_of([&] { (void)read_weights(path); }).starts_with(path.string()));
    }
}
