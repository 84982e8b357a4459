#include "attune/finetune/study/wait_without_spinning.hpp"

#include <cstdlib>

#if defined(__linux__)
#include <unistd.h>
#endif

namespace attune {

void wait_without_spinning(char* const* argv) {
#if defined(__linux__)
    if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
    if (::setenv("OMP_WAIT_POLICY", "passive", 1) != 0) return;
    ::execv("/proc/self/exe", argv);  // comes back only where it fails
#else
    (void)argv;
#endif
}

}  // namespace attune
