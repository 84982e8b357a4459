#pragma once

// libtorch defines CHECK in its logging headers and would silently replace doctest's: torch first, doctest
// last.
#include <torch/torch.h>

#undef CHECK
#include <doctest/doctest.h>
