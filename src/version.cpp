#include "attune/version.hpp"

namespace attune {

std::string version() { return ATTUNE_VERSION; }

}  // namespace attune
