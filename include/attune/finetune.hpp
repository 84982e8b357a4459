#pragma once

/// Everything of attune::finetune: networks, weights, data, training, evaluation and studies over recipes.

#include "attune/finetune/data/augmentation.hpp"
#include "attune/finetune/data/image_data.hpp"
#include "attune/finetune/data/split.hpp"
#include "attune/finetune/evaluate/evaluation.hpp"
#include "attune/finetune/evaluate/metrics.hpp"
#include "attune/finetune/freeze.hpp"
#include "attune/finetune/network.hpp"
#include "attune/finetune/parameters.hpp"
#include "attune/finetune/state_dict.hpp"
#include "attune/finetune/study/compute_threads.hpp"
#include "attune/finetune/study/evaluation_sections.hpp"
#include "attune/finetune/study/fine_tuning_objective.hpp"
#include "attune/finetune/study/probe_views.hpp"
#include "attune/finetune/study/recipe_space.hpp"
#include "attune/finetune/train/feature_cache.hpp"
#include "attune/finetune/train/fit.hpp"
#include "attune/finetune/train/model_file.hpp"
#include "attune/finetune/train/recipe.hpp"
#include "attune/finetune/zoo/model_zoo.hpp"
#include "attune/runtime.hpp"
