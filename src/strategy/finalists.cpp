// Bodies of the strategy, once for all who link attune::runtime.
#include "attune/strategy/detail/finalists_impl.hpp"
