#pragma once

/// Everything of attune::runtime beside core: journal, script mode, metrics of logs, files, reports.

#include "attune/bayes.hpp"
#include "attune/core.hpp"
#include "attune/version.hpp"
