// A host of finetune: makes a network of the zoo and asks it the usual questions.
#include <attune/finetune.hpp>

#include <cstdio>

int main() {
    auto network = attune::ModelZoo::standard().make("squeezenet1_1", 7);
    std::printf("%s has %lld parameters and %zu stages\n", network->head_name().c_str(),
                static_cast<long long>(attune::count_parameters(*network)), network->stages().size());
    return network->classes() == 7 ? 0 : 1;
}
