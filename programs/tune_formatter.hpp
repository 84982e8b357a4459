#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace attune::program {

/// The help of `attune tune`, whose usage CLI11 cannot tell: the program's words come after "--".
class TuneFormatter : public CLI::Formatter {
  public:
    std::string make_usage(const CLI::App*, std::string name) const override {
        return "Usage: " + name + " SPACE [OPTIONS] --command \"PROGRAM ARGUMENTS\"\n       " + name +
               " SPACE [OPTIONS] -- PROGRAM ARGUMENTS...\n";
    }
};

}  // namespace attune::program
