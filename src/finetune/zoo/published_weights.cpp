#include "attune/finetune/zoo/published_weights.hpp"

#include <algorithm>
#include <limits>

namespace attune {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
constexpr std::string_view bilinear = "bilinear";
constexpr std::string_view bicubic = "bicubic";

// Model, weights, default, parameters, classes, top-1 and top-5 percent, GFLOPs, megabytes, minimum side,
// crop, resize, interpolation, file; mean and std where they are not ImageNet's.
// clang-format off
constexpr PublishedWeights table[] = {
    {"alexnet", "IMAGENET1K_V1", true, 61100840, 1000, 56.522, 79.066, 0.714, 233.087, 63, 224, 256, bilinear, "alexnet-owt-7be5be79.pth"},
    {"convnext_base", "IMAGENET1K_V1", true, 88591464, 1000, 84.062, 96.87, 15.355, 338.064, 32, 224, 232, bilinear, "convnext_base-6075fbad.pth"},
    {"convnext_large", "IMAGENET1K_V1", true, 197767336, 1000, 84.414, 96.976, 34.361, 754.537, 32, 224, 232, bilinear, "convnext_large-ea097f82.pth"},
    {"convnext_small", "IMAGENET1K_V1", true, 50223688, 1000, 83.616, 96.65, 8.684, 191.703, 32, 224, 230, bilinear, "convnext_small-0c510722.pth"},
    {"convnext_tiny", "IMAGENET1K_V1", true, 28589128, 1000, 82.52, 96.146, 4.456, 109.119, 32, 224, 236, bilinear, "convnext_tiny-983f1562.pth"},
    {"densenet121", "IMAGENET1K_V1", true, 7978856, 1000, 74.434, 91.972, 2.834, 30.845, 29, 224, 256, bilinear, "densenet121-a639ec97.pth"},
    {"densenet161", "IMAGENET1K_V1", true, 28681000, 1000, 77.138, 93.56, 7.728, 110.369, 29, 224, 256, bilinear, "densenet161-8d451a50.pth"},
    {"densenet169", "IMAGENET1K_V1", true, 14149480, 1000, 75.6, 92.806, 3.36, 54.708, 29, 224, 256, bilinear, "densenet169-b2777c0a.pth"},
    {"densenet201", "IMAGENET1K_V1", true, 20013928, 1000, 76.896, 93.37, 4.291, 77.373, 29, 224, 256, bilinear, "densenet201-c1103571.pth"},
    {"efficientnet_b0", "IMAGENET1K_V1", true, 5288548, 1000, 77.692, 93.532, 0.386, 20.451, 1, 224, 256, bicubic, "efficientnet_b0_rwightman-7f5810bc.pth"},
    {"efficientnet_b1", "IMAGENET1K_V1", false, 7794184, 1000, 78.642, 94.186, 0.687, 30.134, 1, 240, 256, bicubic, "efficientnet_b1_rwightman-bac287d4.pth"},
    {"efficientnet_b1", "IMAGENET1K_V2", true, 7794184, 1000, 79.838, 94.934, 0.687, 30.136, 1, 240, 255, bilinear, "efficientnet_b1-c27df63c.pth"},
    {"efficientnet_b2", "IMAGENET1K_V1", true, 9109994, 1000, 80.608, 95.31, 1.088, 35.174, 1, 288, 288, bicubic, "efficientnet_b2_rwightman-c35c1473.pth"},
    {"efficientnet_b3", "IMAGENET1K_V1", true, 12233232, 1000, 82.008, 96.054, 1.827, 47.184, 1, 300, 320, bicubic, "efficientnet_b3_rwightman-b3899882.pth"},
    {"efficientnet_b4", "IMAGENET1K_V1", true, 19341616, 1000, 83.384, 96.594, 4.394, 74.489, 1, 380, 384, bicubic, "efficientnet_b4_rwightman-23ab8bcd.pth"},
    {"efficientnet_b5", "IMAGENET1K_V1", true, 30389784, 1000, 83.444, 96.628, 10.266, 116.864, 1, 456, 456, bicubic, "efficientnet_b5_lukemelas-1a07897c.pth"},
    {"efficientnet_b6", "IMAGENET1K_V1", true, 43040704, 1000, 84.008, 96.916, 19.068, 165.362, 1, 528, 528, bicubic, "efficientnet_b6_lukemelas-24a108a5.pth"},
    {"efficientnet_b7", "IMAGENET1K_V1", true, 66347960, 1000, 84.122, 96.908, 37.746, 254.675, 1, 600, 600, bicubic, "efficientnet_b7_lukemelas-c5b4e57e.pth"},
    {"efficientnet_v2_l", "IMAGENET1K_V1", true, 118515272, 1000, 85.808, 97.788, 56.08, 454.573, 33, 480, 480, bicubic, "efficientnet_v2_l-59c71312.pth", {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}},
    {"efficientnet_v2_m", "IMAGENET1K_V1", true, 54139356, 1000, 85.112, 97.156, 24.582, 208.01, 33, 480, 480, bilinear, "efficientnet_v2_m-dc08266a.pth"},
    {"efficientnet_v2_s", "IMAGENET1K_V1", true, 21458488, 1000, 84.228, 96.878, 8.366, 82.704, 33, 384, 384, bilinear, "efficientnet_v2_s-dd5fe13b.pth"},
    {"googlenet", "IMAGENET1K_V1", true, 6624904, 1000, 69.778, 89.53, 1.498, 49.731, 15, 224, 256, bilinear, "googlenet-1378be20.pth"},
    {"inception_v3", "IMAGENET1K_V1", true, 27161264, 1000, 77.294, 93.45, 5.713, 103.903, 75, 299, 342, bilinear, "inception_v3_google-0cc3c7bd.pth"},
    {"maxvit_t", "IMAGENET1K_V1", true, 30919624, 1000, 83.7, 96.722, 5.558, 118.769, 224, 224, 224, bicubic, "maxvit_t-bc5ab103.pth"},
    {"mnasnet0_5", "IMAGENET1K_V1", true, 2218512, 1000, 67.734, 87.49, 0.104, 8.591, 1, 224, 256, bilinear, "mnasnet0.5_top1_67.823-3ffadce67e.pth"},
    {"mnasnet0_75", "IMAGENET1K_V1", true, 3170208, 1000, 71.18, 90.496, 0.215, 12.303, 1, 224, 232, bilinear, "mnasnet0_75-7090bc5f.pth"},
    {"mnasnet1_0", "IMAGENET1K_V1", true, 4383312, 1000, 73.456, 91.51, 0.314, 16.915, 1, 224, 256, bilinear, "mnasnet1.0_top1_73.512-f206786ef8.pth"},
    {"mnasnet1_3", "IMAGENET1K_V1", true, 6282256, 1000, 76.506, 93.522, 0.526, 24.246, 1, 224, 232, bilinear, "mnasnet1_3-a4c69d6f.pth"},
    {"mobilenet_v2", "IMAGENET1K_V1", false, 3504872, 1000, 71.878, 90.286, 0.301, 13.555, 1, 224, 256, bilinear, "mobilenet_v2-b0353104.pth"},
    {"mobilenet_v2", "IMAGENET1K_V2", true, 3504872, 1000, 72.154, 90.822, 0.301, 13.598, 1, 224, 232, bilinear, "mobilenet_v2-7ebf99e0.pth"},
    {"mobilenet_v3_large", "IMAGENET1K_V1", false, 5483032, 1000, 74.042, 91.34, 0.217, 21.114, 1, 224, 256, bilinear, "mobilenet_v3_large-8738ca79.pth"},
    {"mobilenet_v3_large", "IMAGENET1K_V2", true, 5483032, 1000, 75.274, 92.566, 0.217, 21.107, 1, 224, 232, bilinear, "mobilenet_v3_large-5c1a4163.pth"},
    {"mobilenet_v3_small", "IMAGENET1K_V1", true, 2542856, 1000, 67.668, 87.402, 0.057, 9.829, 1, 224, 256, bilinear, "mobilenet_v3_small-047dcff4.pth"},
    {"regnet_x_16gf", "IMAGENET1K_V1", false, 54278536, 1000, 80.058, 94.944, 15.941, 207.627, 1, 224, 256, bilinear, "regnet_x_16gf-2007eb11.pth"},
    {"regnet_x_16gf", "IMAGENET1K_V2", true, 54278536, 1000, 82.716, 96.196, 15.941, 207.627, 1, 224, 232, bilinear, "regnet_x_16gf-ba3796d7.pth"},
    {"regnet_x_1_6gf", "IMAGENET1K_V1", false, 9190136, 1000, 77.04, 93.44, 1.603, 35.339, 1, 224, 256, bilinear, "regnet_x_1_6gf-e3633e7f.pth"},
    {"regnet_x_1_6gf", "IMAGENET1K_V2", true, 9190136, 1000, 79.668, 94.922, 1.603, 35.339, 1, 224, 232, bilinear, "regnet_x_1_6gf-a12f2b72.pth"},
    {"regnet_x_32gf", "IMAGENET1K_V1", false, 107811560, 1000, 80.622, 95.248, 31.736, 412.039, 1, 224, 256, bilinear, "regnet_x_32gf-9d47f8d0.pth"},
    {"regnet_x_32gf", "IMAGENET1K_V2", true, 107811560, 1000, 83.014, 96.288, 31.736, 412.039, 1, 224, 232, bilinear, "regnet_x_32gf-6eb8fdc6.pth"},
    {"regnet_x_3_2gf", "IMAGENET1K_V1", false, 15296552, 1000, 78.364, 93.992, 3.177, 58.756, 1, 224, 256, bilinear, "regnet_x_3_2gf-f342aeae.pth"},
    {"regnet_x_3_2gf", "IMAGENET1K_V2", true, 15296552, 1000, 81.196, 95.43, 3.177, 58.756, 1, 224, 232, bilinear, "regnet_x_3_2gf-7071aa85.pth"},
    {"regnet_x_400mf", "IMAGENET1K_V1", false, 5495976, 1000, 72.834, 90.95, 0.414, 21.258, 1, 224, 256, bilinear, "regnet_x_400mf-adf1edd5.pth"},
    {"regnet_x_400mf", "IMAGENET1K_V2", true, 5495976, 1000, 74.864, 92.322, 0.414, 21.257, 1, 224, 232, bilinear, "regnet_x_400mf-62229a5f.pth"},
    {"regnet_x_800mf", "IMAGENET1K_V1", false, 7259656, 1000, 75.212, 92.348, 0.8, 27.945, 1, 224, 256, bilinear, "regnet_x_800mf-ad17e45c.pth"},
    {"regnet_x_800mf", "IMAGENET1K_V2", true, 7259656, 1000, 77.522, 93.826, 0.8, 27.945, 1, 224, 232, bilinear, "regnet_x_800mf-94a99ebd.pth"},
    {"regnet_x_8gf", "IMAGENET1K_V1", false, 39572648, 1000, 79.344, 94.686, 7.995, 151.456, 1, 224, 256, bilinear, "regnet_x_8gf-03ceed89.pth"},
    {"regnet_x_8gf", "IMAGENET1K_V2", true, 39572648, 1000, 81.682, 95.678, 7.995, 151.456, 1, 224, 232, bilinear, "regnet_x_8gf-2b70d774.pth"},
    {"regnet_y_128gf", "IMAGENET1K_SWAG_E2E_V1", true, 644812894, 1000, 88.228, 98.682, 374.57, 2461.564, 1, 384, 384, bicubic, "regnet_y_128gf_swag-c8ce3e52.pth"},
    {"regnet_y_128gf", "IMAGENET1K_SWAG_LINEAR_V1", false, 644812894, 1000, 86.068, 97.844, 127.518, 2461.564, 1, 224, 224, bicubic, "regnet_y_128gf_lc_swag-cbe8ce12.pth"},
    {"regnet_y_16gf", "IMAGENET1K_V1", false, 83590140, 1000, 80.424, 95.24, 15.912, 319.49, 1, 224, 256, bilinear, "regnet_y_16gf-9e6ed7dd.pth"},
    {"regnet_y_16gf", "IMAGENET1K_V2", true, 83590140, 1000, 82.886, 96.328, 15.912, 319.49, 1, 224, 232, bilinear, "regnet_y_16gf-3e4a00f9.pth"},
    {"regnet_y_16gf", "IMAGENET1K_SWAG_E2E_V1", false, 83590140, 1000, 86.012, 98.054, 46.735, 319.49, 1, 384, 384, bicubic, "regnet_y_16gf_swag-43afe44d.pth"},
    {"regnet_y_16gf", "IMAGENET1K_SWAG_LINEAR_V1", false, 83590140, 1000, 83.976, 97.244, 15.912, 319.49, 1, 224, 224, bicubic, "regnet_y_16gf_lc_swag-f3ec0043.pth"},
    {"regnet_y_1_6gf", "IMAGENET1K_V1", false, 11202430, 1000, 77.95, 93.966, 1.612, 43.152, 1, 224, 256, bilinear, "regnet_y_1_6gf-b11a554e.pth"},
    {"regnet_y_1_6gf", "IMAGENET1K_V2", true, 11202430, 1000, 80.876, 95.444, 1.612, 43.152, 1, 224, 232, bilinear, "regnet_y_1_6gf-0d7bc02a.pth"},
    {"regnet_y_32gf", "IMAGENET1K_V1", false, 145046770, 1000, 80.878, 95.34, 32.28, 554.076, 1, 224, 256, bilinear, "regnet_y_32gf-4dee3f7a.pth"},
    {"regnet_y_32gf", "IMAGENET1K_V2", true, 145046770, 1000, 83.368, 96.498, 32.28, 554.076, 1, 224, 232, bilinear, "regnet_y_32gf-8db6d4b5.pth"},
    {"regnet_y_32gf", "IMAGENET1K_SWAG_E2E_V1", false, 145046770, 1000, 86.838, 98.362, 94.826, 554.076, 1, 384, 384, bicubic, "regnet_y_32gf_swag-04fdfa75.pth"},
    {"regnet_y_32gf", "IMAGENET1K_SWAG_LINEAR_V1", false, 145046770, 1000, 84.622, 97.48, 32.28, 554.076, 1, 224, 224, bicubic, "regnet_y_32gf_lc_swag-e1583746.pth"},
    {"regnet_y_3_2gf", "IMAGENET1K_V1", false, 19436338, 1000, 78.948, 94.576, 3.176, 74.567, 1, 224, 256, bilinear, "regnet_y_3_2gf-b5a9779c.pth"},
    {"regnet_y_3_2gf", "IMAGENET1K_V2", true, 19436338, 1000, 81.982, 95.972, 3.176, 74.567, 1, 224, 232, bilinear, "regnet_y_3_2gf-9180c971.pth"},
    {"regnet_y_400mf", "IMAGENET1K_V1", false, 4344144, 1000, 74.046, 91.716, 0.402, 16.806, 1, 224, 256, bilinear, "regnet_y_400mf-c65dace8.pth"},
    {"regnet_y_400mf", "IMAGENET1K_V2", true, 4344144, 1000, 75.804, 92.742, 0.402, 16.806, 1, 224, 232, bilinear, "regnet_y_400mf-e6988f5f.pth"},
    {"regnet_y_800mf", "IMAGENET1K_V1", false, 6432512, 1000, 76.42, 93.136, 0.834, 24.774, 1, 224, 256, bilinear, "regnet_y_800mf-1b27b58c.pth"},
    {"regnet_y_800mf", "IMAGENET1K_V2", true, 6432512, 1000, 78.828, 94.502, 0.834, 24.774, 1, 224, 232, bilinear, "regnet_y_800mf-58fc7688.pth"},
    {"regnet_y_8gf", "IMAGENET1K_V1", false, 39381472, 1000, 80.032, 95.048, 8.473, 150.701, 1, 224, 256, bilinear, "regnet_y_8gf-d0d0e4a8.pth"},
    {"regnet_y_8gf", "IMAGENET1K_V2", true, 39381472, 1000, 82.828, 96.33, 8.473, 150.701, 1, 224, 232, bilinear, "regnet_y_8gf-dc2b1b54.pth"},
    {"resnet101", "IMAGENET1K_V1", false, 44549160, 1000, 77.374, 93.546, 7.801, 170.511, 1, 224, 256, bilinear, "resnet101-63fe2227.pth"},
    {"resnet101", "IMAGENET1K_V2", true, 44549160, 1000, 81.886, 95.78, 7.801, 170.53, 1, 224, 232, bilinear, "resnet101-cd907fc2.pth"},
    {"resnet152", "IMAGENET1K_V1", false, 60192808, 1000, 78.312, 94.046, 11.514, 230.434, 1, 224, 256, bilinear, "resnet152-394f9c45.pth"},
    {"resnet152", "IMAGENET1K_V2", true, 60192808, 1000, 82.284, 96.002, 11.514, 230.474, 1, 224, 232, bilinear, "resnet152-f82ba261.pth"},
    {"resnet18", "IMAGENET1K_V1", true, 11689512, 1000, 69.758, 89.078, 1.814, 44.661, 1, 224, 256, bilinear, "resnet18-f37072fd.pth"},
    {"resnet34", "IMAGENET1K_V1", true, 21797672, 1000, 73.314, 91.42, 3.664, 83.275, 1, 224, 256, bilinear, "resnet34-b627a593.pth"},
    {"resnet50", "IMAGENET1K_V1", false, 25557032, 1000, 76.13, 92.862, 4.089, 97.781, 1, 224, 256, bilinear, "resnet50-0676ba61.pth"},
    {"resnet50", "IMAGENET1K_V2", true, 25557032, 1000, 80.858, 95.434, 4.089, 97.79, 1, 224, 232, bilinear, "resnet50-11ad3fa6.pth"},
    {"resnext101_32x8d", "IMAGENET1K_V1", false, 88791336, 1000, 79.312, 94.526, 16.414, 339.586, 1, 224, 256, bilinear, "resnext101_32x8d-8ba56ff5.pth"},
    {"resnext101_32x8d", "IMAGENET1K_V2", true, 88791336, 1000, 82.834, 96.228, 16.414, 339.673, 1, 224, 232, bilinear, "resnext101_32x8d-110c445d.pth"},
    {"resnext101_64x4d", "IMAGENET1K_V1", true, 83455272, 1000, 83.246, 96.454, 15.46, 319.318, 1, 224, 232, bilinear, "resnext101_64x4d-173b62eb.pth"},
    {"resnext50_32x4d", "IMAGENET1K_V1", false, 25028904, 1000, 77.618, 93.698, 4.23, 95.789, 1, 224, 256, bilinear, "resnext50_32x4d-7cdf4587.pth"},
    {"resnext50_32x4d", "IMAGENET1K_V2", true, 25028904, 1000, 81.198, 95.34, 4.23, 95.833, 1, 224, 232, bilinear, "resnext50_32x4d-1a0047aa.pth"},
    {"shufflenet_v2_x0_5", "IMAGENET1K_V1", true, 1366792, 1000, 60.552, 81.746, 0.04, 5.282, 1, 224, 256, bilinear, "shufflenetv2_x0.5-f707e7126e.pth"},
    {"shufflenet_v2_x1_0", "IMAGENET1K_V1", true, 2278604, 1000, 69.362, 88.316, 0.145, 8.791, 1, 224, 256, bilinear, "shufflenetv2_x1-5666bf0f80.pth"},
    {"shufflenet_v2_x1_5", "IMAGENET1K_V1", true, 3503624, 1000, 72.996, 91.086, 0.296, 13.557, 1, 224, 232, bilinear, "shufflenetv2_x1_5-3c479a10.pth"},
    {"shufflenet_v2_x2_0", "IMAGENET1K_V1", true, 7393996, 1000, 76.23, 93.006, 0.583, 28.433, 1, 224, 232, bilinear, "shufflenetv2_x2_0-8be3c8ee.pth"},
    {"squeezenet1_0", "IMAGENET1K_V1", true, 1248424, 1000, 58.092, 80.42, 0.819, 4.778, 21, 224, 256, bilinear, "squeezenet1_0-b66bff10.pth"},
    {"squeezenet1_1", "IMAGENET1K_V1", true, 1235496, 1000, 58.178, 80.624, 0.349, 4.729, 17, 224, 256, bilinear, "squeezenet1_1-b8a52dc0.pth"},
    {"swin_b", "IMAGENET1K_V1", true, 87768224, 1000, 83.582, 96.64, 15.431, 335.364, 224, 224, 238, bicubic, "swin_b-68c6b09e.pth"},
    {"swin_s", "IMAGENET1K_V1", true, 49606258, 1000, 83.196, 96.36, 8.741, 189.786, 224, 224, 246, bicubic, "swin_s-5e29d889.pth"},
    {"swin_t", "IMAGENET1K_V1", true, 28288354, 1000, 81.474, 95.776, 4.491, 108.19, 224, 224, 232, bicubic, "swin_t-704ceda3.pth"},
    {"swin_v2_b", "IMAGENET1K_V1", true, 87930848, 1000, 84.112, 96.864, 20.325, 336.372, 256, 256, 272, bicubic, "swin_v2_b-781e5279.pth"},
    {"swin_v2_s", "IMAGENET1K_V1", true, 49737442, 1000, 83.712, 96.816, 11.546, 190.675, 256, 256, 260, bicubic, "swin_v2_s-637d8ceb.pth"},
    {"swin_v2_t", "IMAGENET1K_V1", true, 28351570, 1000, 82.072, 96.132, 5.94, 108.626, 256, 256, 260, bicubic, "swin_v2_t-b137f0e2.pth"},
    {"vgg11", "IMAGENET1K_V1", true, 132863336, 1000, 69.02, 88.628, 7.609, 506.84, 32, 224, 256, bilinear, "vgg11-8a719046.pth"},
    {"vgg11_bn", "IMAGENET1K_V1", true, 132868840, 1000, 70.37, 89.81, 7.609, 506.881, 32, 224, 256, bilinear, "vgg11_bn-6002323d.pth"},
    {"vgg13", "IMAGENET1K_V1", true, 133047848, 1000, 69.928, 89.246, 11.308, 507.545, 32, 224, 256, bilinear, "vgg13-19584684.pth"},
    {"vgg13_bn", "IMAGENET1K_V1", true, 133053736, 1000, 71.586, 90.374, 11.308, 507.59, 32, 224, 256, bilinear, "vgg13_bn-abd245e5.pth"},
    {"vgg16", "IMAGENET1K_V1", true, 138357544, 1000, 71.592, 90.382, 15.47, 527.796, 32, 224, 256, bilinear, "vgg16-397923af.pth"},
    {"vgg16", "IMAGENET1K_FEATURES", false, 138357544, 0, unknown, unknown, 15.47, 527.802, 32, 224, 256, bilinear, "vgg16_features-amdegroot-88682ab5.pth", {0.48235, 0.45882, 0.40784}, {0.00392156862745098, 0.00392156862745098, 0.00392156862745098}},
    {"vgg16_bn", "IMAGENET1K_V1", true, 138365992, 1000, 73.36, 91.516, 15.47, 527.866, 32, 224, 256, bilinear, "vgg16_bn-6c64b313.pth"},
    {"vgg19", "IMAGENET1K_V1", true, 143667240, 1000, 72.376, 90.876, 19.632, 548.051, 32, 224, 256, bilinear, "vgg19-dcbb9e9d.pth"},
    {"vgg19_bn", "IMAGENET1K_V1", true, 143678248, 1000, 74.218, 91.842, 19.632, 548.143, 32, 224, 256, bilinear, "vgg19_bn-c79401a0.pth"},
    {"vit_b_16", "IMAGENET1K_V1", true, 86567656, 1000, 81.072, 95.318, 17.564, 330.285, 224, 224, 256, bilinear, "vit_b_16-c867db91.pth"},
    {"vit_b_16", "IMAGENET1K_SWAG_E2E_V1", false, 86859496, 1000, 85.304, 97.65, 55.484, 331.398, 384, 384, 384, bicubic, "vit_b_16_swag-9ac1b537.pth"},
    {"vit_b_16", "IMAGENET1K_SWAG_LINEAR_V1", false, 86567656, 1000, 81.886, 96.18, 17.564, 330.285, 224, 224, 224, bicubic, "vit_b_16_lc_swag-4e70ced5.pth"},
    {"vit_b_32", "IMAGENET1K_V1", true, 88224232, 1000, 75.912, 92.466, 4.409, 336.604, 224, 224, 256, bilinear, "vit_b_32-d86f8d99.pth"},
    {"vit_h_14", "IMAGENET1K_SWAG_E2E_V1", true, 633470440, 1000, 88.552, 98.694, 1016.717, 2416.643, 518, 518, 518, bicubic, "vit_h_14_swag-80465313.pth"},
    {"vit_h_14", "IMAGENET1K_SWAG_LINEAR_V1", false, 632045800, 1000, 85.708, 97.73, 167.295, 2411.209, 224, 224, 224, bicubic, "vit_h_14_lc_swag-c1eb923e.pth"},
    {"vit_l_16", "IMAGENET1K_V1", true, 304326632, 1000, 79.662, 94.638, 61.555, 1161.023, 224, 224, 242, bilinear, "vit_l_16-852ce7e3.pth"},
    {"vit_l_16", "IMAGENET1K_SWAG_E2E_V1", false, 305174504, 1000, 88.064, 98.512, 361.986, 1164.258, 512, 512, 512, bicubic, "vit_l_16_swag-4f3808c9.pth"},
    {"vit_l_16", "IMAGENET1K_SWAG_LINEAR_V1", false, 304326632, 1000, 85.146, 97.422, 61.555, 1161.023, 224, 224, 224, bicubic, "vit_l_16_lc_swag-4d563306.pth"},
    {"vit_l_32", "IMAGENET1K_V1", true, 306535400, 1000, 76.972, 93.07, 15.378, 1169.449, 224, 224, 256, bilinear, "vit_l_32-c7638314.pth"},
    {"wide_resnet101_2", "IMAGENET1K_V1", false, 126886696, 1000, 78.848, 94.284, 22.753, 242.896, 1, 224, 256, bilinear, "wide_resnet101_2-32ee1156.pth"},
    {"wide_resnet101_2", "IMAGENET1K_V2", true, 126886696, 1000, 82.51, 96.02, 22.753, 484.747, 1, 224, 232, bilinear, "wide_resnet101_2-d733dc28.pth"},
    {"wide_resnet50_2", "IMAGENET1K_V1", false, 68883240, 1000, 78.468, 94.086, 11.398, 131.82, 1, 224, 256, bilinear, "wide_resnet50_2-95faca4d.pth"},
    {"wide_resnet50_2", "IMAGENET1K_V2", true, 68883240, 1000, 81.602, 95.758, 11.398, 263.124, 1, 224, 232, bilinear, "wide_resnet50_2-9ba9bcbe.pth"},
};
// clang-format on

}  // namespace

std::string_view PublishedWeights::sha256_prefix() const noexcept {
    const auto dash = file.rfind('-');
    const auto dot = file.rfind('.');
    if (dash == std::string_view::npos || dot == std::string_view::npos || dot < dash) return {};
    return file.substr(dash + 1, dot - dash - 1);
}

std::span<const PublishedWeights> published_weights() noexcept { return table; }

std::span<const PublishedWeights> published_weights(std::string_view model) noexcept {
    struct ByModel {
        bool operator()(const PublishedWeights& row, std::string_view name) const { return row.model < name; }
        bool operator()(std::string_view name, const PublishedWeights& row) const { return name < row.model; }
    };
    const auto [first, last] = std::equal_range(std::begin(table), std::end(table), model, ByModel{});
    return {first, last};
}

}  // namespace attune
