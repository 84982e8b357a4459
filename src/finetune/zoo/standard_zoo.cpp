#include <array>
#include <string>
#include <utility>

#include "attune/finetune/network.hpp"
#include "attune/finetune/zoo/alexnet.hpp"
#include "attune/finetune/zoo/cifar_resnet.hpp"
#include "attune/finetune/zoo/convnext.hpp"
#include "attune/finetune/zoo/densenet.hpp"
#include "attune/finetune/zoo/efficientnet.hpp"
#include "attune/finetune/zoo/fastestdet_shufflenet.hpp"
#include "attune/finetune/zoo/googlenet.hpp"
#include "attune/finetune/zoo/inception_v3.hpp"
#include "attune/finetune/zoo/maxvit.hpp"
#include "attune/finetune/zoo/mnasnet.hpp"
#include "attune/finetune/zoo/mobilenet_v1.hpp"
#include "attune/finetune/zoo/mobilenet_v2.hpp"
#include "attune/finetune/zoo/mobilenet_v3.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"
#include "attune/finetune/zoo/regnet.hpp"
#include "attune/finetune/zoo/resnet.hpp"
#include "attune/finetune/zoo/shufflenet_v2.hpp"
#include "attune/finetune/zoo/squeezenet.hpp"
#include "attune/finetune/zoo/swin.hpp"
#include "attune/finetune/zoo/vgg.hpp"
#include "attune/finetune/zoo/vit.hpp"

namespace attune {
namespace {

using Build = std::function<NetworkPtr(std::int64_t)>;

/// One architecture of photographs in 1000 classes.
ZooEntry of(std::string name, std::string family, std::int64_t parameters, Build build,
            const InputSpec& input = {}) {
    const auto published = published_weights(name);
    return {std::move(name), std::move(family), 1000, parameters, input, std::move(build), published};
}

Build build_vgg(int depth, bool batch_norm) {
    return [=](std::int64_t classes) { return vgg(depth, batch_norm, classes); };
}
Build build_resnet(const ResNetOptions& options) {
    return [=](std::int64_t classes) { return resnet(options, classes); };
}
Build build_bottlenecks(const std::array<int, 4>& blocks, int groups = 1, int group_width = 64) {
    return build_resnet({.blocks = blocks, .bottleneck = true, .groups = groups, .group_width = group_width});
}
Build build_cifar_resnet(int depth) {
    return [=](std::int64_t classes) { return cifar_resnet(depth, classes); };
}
Build build_densenet(int depth) {
    return [=](std::int64_t classes) { return densenet(depth, classes); };
}
Build build_mobilenet_v1(double width, Padding padding) {
    return [=](std::int64_t classes) { return mobilenet_v1(width, padding, classes); };
}
Build build_shufflenet(double width) {
    return [=](std::int64_t classes) { return shufflenet_v2(width, classes); };
}
Build build_mnasnet(double width) {
    return [=](std::int64_t classes) { return mnasnet(width, classes); };
}
Build build_efficientnet(int number) {
    return [=](std::int64_t classes) { return efficientnet_b(number, classes); };
}
Build build_efficientnet_v2(char size) {
    return [=](std::int64_t classes) { return efficientnet_v2(size, classes); };
}
Build build_regnet_x(int depth, std::int64_t initial_width, double slope, double step,
                     std::int64_t group_width) {
    return [=](std::int64_t classes) {
        return regnet({depth, initial_width, slope, step, group_width, 0}, classes);
    };
}
Build build_regnet_y(int depth, std::int64_t initial_width, double slope, double step,
                     std::int64_t group_width) {
    return [=](std::int64_t classes) {
        return regnet({depth, initial_width, slope, step, group_width, 0.25}, classes);
    };
}
Build build_convnext(std::int64_t width, int third, double stochastic_depth) {
    return [=](std::int64_t classes) {
        return convnext({{width, 2 * width, 4 * width, 8 * width}, {3, 3, third, 3}, stochastic_depth},
                        classes);
    };
}
Build build_swin(int version, std::int64_t width, int third, double stochastic_depth) {
    const auto heads = width / 32;
    return [=](std::int64_t classes) {
        return swin({version,
                     width,
                     {2, 2, third, 2},
                     {heads, 2 * heads, 4 * heads, 8 * heads},
                     version == 1 ? 7 : 8,
                     stochastic_depth},
                    classes);
    };
}
Build build_vit(std::int64_t patch, int layers, std::int64_t heads, std::int64_t width) {
    return [=](std::int64_t classes) { return vit({224, patch, layers, heads, width, 4 * width}, classes); };
}

InputSpec sized(std::int64_t size, std::int64_t minimum = 32) {
    return {.image_size = size, .minimum_size = minimum};
}

constexpr std::array<double, 3> halves{0.5, 0.5, 0.5};

// Google's pretrained weights want images in [-1, 1]. torchvision lets GoogLeNet and Inception V3 rescale
// images that its preset has normalised otherwise; here the images come as the first layer wants them.
InputSpec around_zero(std::int64_t size, std::int64_t minimum) {
    return {.image_size = size, .minimum_size = minimum, .mean = halves, .std = halves};
}

InputSpec patches(std::int64_t side) {
    return {.image_size = 224, .minimum_size = 224, .multiple = side, .fixed_size = true};
}

// FastestDet feeds its trunk RGB in [0, 1] as it is.
constexpr InputSpec unnormalised{.mean = {0, 0, 0}, .std = {1, 1, 1}};

void add_classics(ModelZoo& zoo) {
    zoo.add(of("alexnet", "AlexNet", 61'100'840, alexnet, sized(224, 63)));
    zoo.add(of("vgg11", "VGG", 132'863'336, build_vgg(11, false)));
    zoo.add(of("vgg11_bn", "VGG", 132'868'840, build_vgg(11, true)));
    zoo.add(of("vgg13", "VGG", 133'047'848, build_vgg(13, false)));
    zoo.add(of("vgg13_bn", "VGG", 133'053'736, build_vgg(13, true)));
    zoo.add(of("vgg16", "VGG", 138'357'544, build_vgg(16, false)));
    zoo.add(of("vgg16_bn", "VGG", 138'365'992, build_vgg(16, true)));
    zoo.add(of("vgg19", "VGG", 143'667'240, build_vgg(19, false)));
    zoo.add(of("vgg19_bn", "VGG", 143'678'248, build_vgg(19, true)));
    zoo.add(of("googlenet", "GoogLeNet", 13'004'888, googlenet, around_zero(224, 15)));
    zoo.add(of("inception_v3", "Inception", 27'161'264, inception_v3, around_zero(299, 75)));
    zoo.add(of("squeezenet1_0", "SqueezeNet", 1'248'424, squeezenet1_0, sized(224, 21)));
    zoo.add(of("squeezenet1_1", "SqueezeNet", 1'235'496, squeezenet1_1, sized(224, 17)));
    zoo.add(of("densenet121", "DenseNet", 7'978'856, build_densenet(121), sized(224, 29)));
    zoo.add(of("densenet161", "DenseNet", 28'681'000, build_densenet(161), sized(224, 29)));
    zoo.add(of("densenet169", "DenseNet", 14'149'480, build_densenet(169), sized(224, 29)));
    zoo.add(of("densenet201", "DenseNet", 20'013'928, build_densenet(201), sized(224, 29)));
}

void add_residual(ModelZoo& zoo) {
    zoo.add(of("resnet18", "ResNet", 11'689'512, build_resnet({.blocks = {2, 2, 2, 2}})));
    zoo.add(of("resnet34", "ResNet", 21'797'672, build_resnet({.blocks = {3, 4, 6, 3}})));
    zoo.add(of("resnet50", "ResNet", 25'557'032, build_bottlenecks({3, 4, 6, 3})));
    zoo.add(of("resnet101", "ResNet", 44'549'160, build_bottlenecks({3, 4, 23, 3})));
    zoo.add(of("resnet152", "ResNet", 60'192'808, build_bottlenecks({3, 8, 36, 3})));
    zoo.add(of("resnext50_32x4d", "ResNeXt", 25'028'904, build_bottlenecks({3, 4, 6, 3}, 32, 4)));
    zoo.add(of("resnext101_32x8d", "ResNeXt", 88'791'336, build_bottlenecks({3, 4, 23, 3}, 32, 8)));
    zoo.add(of("resnext101_64x4d", "ResNeXt", 83'455'272, build_bottlenecks({3, 4, 23, 3}, 64, 4)));
    zoo.add(of("wide_resnet50_2", "Wide ResNet", 68'883'240, build_bottlenecks({3, 4, 6, 3}, 1, 128)));
    zoo.add(of("wide_resnet101_2", "Wide ResNet", 126'886'696, build_bottlenecks({3, 4, 23, 3}, 1, 128)));
    zoo.add(of("regnet_x_400mf", "RegNetX", 5'495'976, build_regnet_x(22, 24, 24.48, 2.54, 16)));
    zoo.add(of("regnet_x_800mf", "RegNetX", 7'259'656, build_regnet_x(16, 56, 35.73, 2.28, 16)));
    zoo.add(of("regnet_x_1_6gf", "RegNetX", 9'190'136, build_regnet_x(18, 80, 34.01, 2.25, 24)));
    zoo.add(of("regnet_x_3_2gf", "RegNetX", 15'296'552, build_regnet_x(25, 88, 26.31, 2.25, 48)));
    zoo.add(of("regnet_x_8gf", "RegNetX", 39'572'648, build_regnet_x(23, 80, 49.56, 2.88, 120)));
    zoo.add(of("regnet_x_16gf", "RegNetX", 54'278'536, build_regnet_x(22, 216, 55.59, 2.1, 128)));
    zoo.add(of("regnet_x_32gf", "RegNetX", 107'811'560, build_regnet_x(23, 320, 69.86, 2.0, 168)));
    zoo.add(of("regnet_y_400mf", "RegNetY", 4'344'144, build_regnet_y(16, 48, 27.89, 2.09, 8)));
    zoo.add(of("regnet_y_800mf", "RegNetY", 6'432'512, build_regnet_y(14, 56, 38.84, 2.4, 16)));
    zoo.add(of("regnet_y_1_6gf", "RegNetY", 11'202'430, build_regnet_y(27, 48, 20.71, 2.65, 24)));
    zoo.add(of("regnet_y_3_2gf", "RegNetY", 19'436'338, build_regnet_y(21, 80, 42.63, 2.66, 24)));
    zoo.add(of("regnet_y_8gf", "RegNetY", 39'381'472, build_regnet_y(17, 192, 76.82, 2.19, 56)));
    zoo.add(of("regnet_y_16gf", "RegNetY", 83'590'140, build_regnet_y(18, 200, 106.23, 2.48, 112)));
    zoo.add(of("regnet_y_32gf", "RegNetY", 145'046'770, build_regnet_y(20, 232, 115.89, 2.53, 232)));
    zoo.add(of("regnet_y_128gf", "RegNetY", 644'812'894, build_regnet_y(27, 456, 160.83, 2.52, 264)));
}

void add_mobile(ModelZoo& zoo) {
    using enum Padding;
    zoo.add(of("mobilenet_v1_x0_25", "MobileNetV1", 470'072, build_mobilenet_v1(0.25, symmetric)));
    zoo.add(of("mobilenet_v1_x0_5", "MobileNetV1", 1'331'592, build_mobilenet_v1(0.5, symmetric)));
    zoo.add(of("mobilenet_v1_x0_75", "MobileNetV1", 2'585'560, build_mobilenet_v1(0.75, symmetric)));
    zoo.add(of("mobilenet_v1_x1_0", "MobileNetV1", 4'231'976, build_mobilenet_v1(1, symmetric)));
    zoo.add(of("tf_mobilenet_v1_x0_25", "MobileNetV1", 470'072, build_mobilenet_v1(0.25, tensorflow),
               around_zero(224, 32)));
    zoo.add(of("tf_mobilenet_v1_x0_5", "MobileNetV1", 1'331'592, build_mobilenet_v1(0.5, tensorflow),
               around_zero(224, 32)));
    zoo.add(of("tf_mobilenet_v1_x0_75", "MobileNetV1", 2'585'560, build_mobilenet_v1(0.75, tensorflow),
               around_zero(224, 32)));
    zoo.add(of("tf_mobilenet_v1_x1_0", "MobileNetV1", 4'231'976, build_mobilenet_v1(1, tensorflow),
               around_zero(224, 32)));
    zoo.add(of("mobilenet_v2", "MobileNetV2", 3'504'872, mobilenet_v2));
    zoo.add(of("mobilenet_v3_large", "MobileNetV3", 5'483'032, mobilenet_v3_large));
    zoo.add(of("mobilenet_v3_small", "MobileNetV3", 2'542'856, mobilenet_v3_small));
    zoo.add(of("shufflenet_v2_x0_5", "ShuffleNetV2", 1'366'792, build_shufflenet(0.5)));
    zoo.add(of("shufflenet_v2_x1_0", "ShuffleNetV2", 2'278'604, build_shufflenet(1.0)));
    zoo.add(of("shufflenet_v2_x1_5", "ShuffleNetV2", 3'503'624, build_shufflenet(1.5)));
    zoo.add(of("shufflenet_v2_x2_0", "ShuffleNetV2", 7'393'996, build_shufflenet(2.0)));
    zoo.add(of("mnasnet0_5", "MNASNet", 2'218'512, build_mnasnet(0.5)));
    zoo.add(of("mnasnet0_75", "MNASNet", 3'170'208, build_mnasnet(0.75)));
    zoo.add(of("mnasnet1_0", "MNASNet", 4'383'312, build_mnasnet(1.0)));
    zoo.add(of("mnasnet1_3", "MNASNet", 6'282'256, build_mnasnet(1.3)));
    zoo.add(of("efficientnet_b0", "EfficientNet", 5'288'548, build_efficientnet(0)));
    zoo.add(of("efficientnet_b1", "EfficientNet", 7'794'184, build_efficientnet(1), sized(240)));
    zoo.add(of("efficientnet_b2", "EfficientNet", 9'109'994, build_efficientnet(2), sized(288)));
    zoo.add(of("efficientnet_b3", "EfficientNet", 12'233'232, build_efficientnet(3), sized(300)));
    zoo.add(of("efficientnet_b4", "EfficientNet", 19'341'616, build_efficientnet(4), sized(380)));
    zoo.add(of("efficientnet_b5", "EfficientNet", 30'389'784, build_efficientnet(5), sized(456)));
    zoo.add(of("efficientnet_b6", "EfficientNet", 43'040'704, build_efficientnet(6), sized(528)));
    zoo.add(of("efficientnet_b7", "EfficientNet", 66'347'960, build_efficientnet(7), sized(600)));
    zoo.add(
        of("efficientnet_v2_s", "EfficientNetV2", 21'458'488, build_efficientnet_v2('s'), sized(384, 33)));
    zoo.add(
        of("efficientnet_v2_m", "EfficientNetV2", 54'139'356, build_efficientnet_v2('m'), sized(480, 33)));
    zoo.add(of("efficientnet_v2_l", "EfficientNetV2", 118'515'272, build_efficientnet_v2('l'),
               around_zero(480, 33)));
}

void add_modern(ModelZoo& zoo) {
    zoo.add(of("convnext_tiny", "ConvNeXt", 28'589'128, build_convnext(96, 9, 0.1)));
    zoo.add(of("convnext_small", "ConvNeXt", 50'223'688, build_convnext(96, 27, 0.4)));
    zoo.add(of("convnext_base", "ConvNeXt", 88'591'464, build_convnext(128, 27, 0.5)));
    zoo.add(of("convnext_large", "ConvNeXt", 197'767'336, build_convnext(192, 27, 0.5)));
    zoo.add(of("swin_t", "Swin", 28'288'354, build_swin(1, 96, 6, 0.2)));
    zoo.add(of("swin_s", "Swin", 49'606'258, build_swin(1, 96, 18, 0.3)));
    zoo.add(of("swin_b", "Swin", 87'768'224, build_swin(1, 128, 18, 0.5)));
    zoo.add(of("swin_v2_t", "Swin V2", 28'351'570, build_swin(2, 96, 6, 0.2), sized(256)));
    zoo.add(of("swin_v2_s", "Swin V2", 49'737'442, build_swin(2, 96, 18, 0.3), sized(256)));
    zoo.add(of("swin_v2_b", "Swin V2", 87'930'848, build_swin(2, 128, 18, 0.5), sized(256)));
    zoo.add(of("vit_b_16", "ViT", 86'567'656, build_vit(16, 12, 12, 768), patches(16)));
    zoo.add(of("vit_b_32", "ViT", 88'224'232, build_vit(32, 12, 12, 768), patches(32)));
    zoo.add(of("vit_l_16", "ViT", 304'326'632, build_vit(16, 24, 16, 1024), patches(16)));
    zoo.add(of("vit_l_32", "ViT", 306'535'400, build_vit(32, 24, 16, 1024), patches(32)));
    zoo.add(of("vit_h_14", "ViT", 632'045'800, build_vit(14, 32, 16, 1280), patches(14)));
    zoo.add(of("maxvit_t", "MaxViT", 30'919'624, maxvit_t,
               {.image_size = 224, .minimum_size = 224, .multiple = 224}));
}

ZooEntry of_cifar(int depth, std::int64_t parameters) {
    auto entry = of("resnet" + std::to_string(depth), "ResNet for 32 x 32", parameters,
                    build_cifar_resnet(depth), sized(32, 8));
    entry.classes = 10;
    return entry;
}

void add_others(ModelZoo& zoo) {
    zoo.add(of_cifar(20, 269'722));
    zoo.add(of_cifar(32, 464'154));
    zoo.add(of_cifar(44, 658'586));
    zoo.add(of_cifar(56, 853'018));
    zoo.add(of_cifar(110, 1'727'962));
    zoo.add(of("shufflenetv2_x0.5-backbone", "ShuffleNetV2 of FastestDet", 336'136, fastestdet_shufflenet,
               unnormalised));
}

}  // namespace

const ModelZoo& ModelZoo::standard() {
    static const ModelZoo zoo = [] {
        ModelZoo all;
        add_classics(all);
        add_residual(all);
        add_mobile(all);
        add_modern(all);
        add_others(all);
        return all;
    }();
    return zoo;
}

}  // namespace attune
