// The strategy's bodies, once for all who link attune::runtime.
#include "attune/strategy/detail/cma_es_impl.hpp"
