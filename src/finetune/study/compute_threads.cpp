#include "attune/finetune/study/compute_threads.hpp"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <fmt/format.h>

#include "attune/error.hpp"

namespace attune {

void set_compute_threads(int threads) {
    if (threads < 1) throw InvalidOption(fmt::format("threads ({}) must be at least 1", threads));
    at::set_num_threads(threads);
    // libtorch may have been built on another BLAS; where OpenBLAS is in the process, it answers to this
    // name.
    using SetThreads = void (*)(int);
    static const auto set_openblas =
        reinterpret_cast<SetThreads>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"));
    if (set_openblas != nullptr) set_openblas(threads);
}

}  // namespace attune
