#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "attune/files/tensor_data.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"

namespace attune {

/// A copy of `data` as a CPU tensor of the same type; u16, u32 and u64, which older libtorch lacks, widen to
/// the next signed type. Throws FileError where the bytes do not fit the shape, or a u64 does not fit 63
/// bits.
[[nodiscard]] torch::Tensor to_tensor(const TensorData& data);

/// A copy of `tensor`, from whatever device, in row-major order. Throws InvalidOption for types without a
/// DType (complex, quantised).
[[nodiscard]] TensorData to_tensor_data(const torch::Tensor& tensor);

/// The parameters and buffers of `module` in the order and under the names of Python's `state_dict()`.
[[nodiscard]] std::vector<std::pair<std::string, torch::Tensor>> named_state(const torch::nn::Module& module);

/// A copy of the same, ready to be written to a file.
[[nodiscard]] TensorFile state_dict(const torch::nn::Module& module);

/// How the entries of a file are matched with those of a module.
struct LoadOptions {
    /// Refuse the file, and change nothing, where an entry is missing, unexpected or of another shape.
    /// Otherwise what fits is loaded and the rest reported.
    bool strict = true;

    /// Names of the module that begin with one of these may be missing from the file; they keep their values.
    std::vector<std::string> allow_missing{};

    /// Names of the file that begin with one of these are dropped, and reported as such.
    std::vector<std::string> ignore{};

    /// Beginnings of names in the file and what stands for them in the module, such as {"module.", ""}; the
    /// first that fits is applied, before anything else.
    std::vector<std::pair<std::string, std::string>> rename{};

    /// Refuse NaN and infinite values: what they spoil is seen only much later.
    bool finite = true;

    /// What messages call the file, such as its path.
    std::string source = "weights";

    /// Throws InvalidOption for an empty prefix in `allow_missing`, `ignore` or on the left of `rename`.
    void validate() const;
};

/// An entry that both sides have, of another shape, or an integer where the module has a real number.
struct StateMismatch {
    std::string name;
    std::vector<std::int64_t> file_shape;
    std::vector<std::int64_t> module_shape;
    DType file_dtype = DType::f32;
};

/// The head that load_pretrained puts on top.
struct NewHead {
    std::string name;  ///< the layer, such as "fc"
    std::int64_t classes = 0;
    std::optional<std::int64_t> file_classes{};  ///< of the head in the file, where it has one
};

/// What became of each entry. The names are the module's, in its order; those of `unexpected` and `dropped`
/// the file's.
struct StateDictReport {
    std::vector<std::string> loaded;
    std::vector<std::string> missing;     ///< the module has it, the file has not
    std::vector<std::string> unexpected;  ///< the file has it, the module has not
    std::vector<StateMismatch> mismatched;
    std::vector<std::string> dropped;  ///< in the file, left out on request
    std::vector<std::string>
        kept;  ///< not in the file, left as it was on request, or a counter old files lack
    std::optional<NewHead> new_head{};  ///< of load_pretrained; its entries are also among dropped or kept
    /// Of load_pretrained: side in pixels of the pictures of a file whose positions were interpolated.
    std::optional<std::int64_t> file_image_size{};

    /// Whether nothing is missing, unexpected or mismatched.
    [[nodiscard]] bool fits() const noexcept;

    /// One line: counts and the first few names of whatever does not fit; where all fits, of what was left
    /// out, and the new head.
    [[nodiscard]] std::string summary() const;
};

/// A safetensors file that was mapped; its tensors are copied once, straight into the module.
class MappedSafetensors;

/// Copies the entries of `file` into the parameters and buffers of `module`, which stay where they are
/// (device, type, requires_grad); f16, bf16, f32 and f64 are converted. `num_batches_tracked`, which files
/// from before PyTorch 0.4.1 lack, and what Swin transformers compute of relative positions may be missing.
/// Throws FileError where `options.strict` and the file does not fit: the message counts and names what does
/// not, both shapes with it, and says which network of the zoo the file looks like; the module is unchanged.
/// The same where `options.finite` and a value that would be loaded is not finite.
StateDictReport load_state_dict(torch::nn::Module& module, const TensorFile& file,
                                const LoadOptions& options = {});
StateDictReport load_state_dict(torch::nn::Module& module, const MappedSafetensors& file,
                                const LoadOptions& options = {});

/// Loads a pretrained file into everything but the head, strictly, and puts a fresh head for `classes`
/// classes on top. The head's entries in the file are reported as dropped; a file without a head is accepted,
/// and the report says so (nothing dropped). Auxiliary heads get a fresh layer for the classes likewise; a
/// file without any leaves the network without them. Positions (of vision transformers) for pictures of
/// another size than the network's are interpolated, as set_image_size does. `options.strict` is taken as
/// true. Throws as `load_state_dict` does and InvalidOption for fewer than one class; the network is then
/// unchanged.
StateDictReport load_pretrained(Network& network, const TensorFile& file, std::int64_t classes,
                                LoadOptions options = {});

/// Side in pixels of the pictures that a file's weights are for, where the network has parameters for each
/// place of a picture (vision transformers) and the file has them; nothing for others. Of `options` the
/// renaming counts.
[[nodiscard]] std::optional<std::int64_t> image_size_in(const Network& network, const TensorFile& file,
                                                        const LoadOptions& options = {});

/// The network of the zoo whose names and shapes `file` shares most of, or "" where none shares half of them.
/// Builds candidates one by one, nearest number of parameters first, until one fits but for the head; torch's
/// default generator is left as it was.
[[nodiscard]] std::string nearest_model(const TensorFile& file, const ModelZoo& zoo = ModelZoo::standard());

}  // namespace attune
