// Bodies of the model, once for all who link attune::runtime.
#include "attune/strategy/detail/study_model_impl.hpp"
