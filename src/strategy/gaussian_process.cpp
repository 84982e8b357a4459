// The strategy's bodies, once for all who link attune::runtime.
#include "attune/strategy/detail/gaussian_process_impl.hpp"
