#pragma once

#include <cstdint>
#include <memory>

namespace attune {

class Network;
using NetworkPtr = std::shared_ptr<Network>;

/// The shape of a vision transformer.
struct ViTOptions {
    std::int64_t image_size = 224;
    std::int64_t patch = 16;  ///< side of a patch, in pixels
    int layers = 12;
    std::int64_t heads = 12;
    std::int64_t width = 768;
    std::int64_t hidden = 3072;  ///< width inside the perceptrons

    /// Throws InvalidOption: numbers are positive, the image size a multiple of the patch, the width of the
    /// heads.
    void validate() const;
};

/// Vision Transformer (Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021), with torchvision's
/// names and initialisation. A stage is the patch embedding with class token and positions, one layer of the
/// encoder, or the last normalisation, which gives the class token alone. Between stages tensors are N x
/// (patches + 1) x width. `set_image_size` interpolates the embedding of positions (bicubic, corners aligned,
/// as torchvision's interpolate_embeddings). Throws InvalidOption for fewer than one class.
[[nodiscard]] NetworkPtr vit(const ViTOptions& options, std::int64_t classes = 1000);

}  // namespace attune
