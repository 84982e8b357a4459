#include "c10d_group.hpp"

// c10d's headers are hidden behind these names, which not every libtorch defines for those who use it.
#if defined(ATTUNE_HAS_GLOO) && !defined(USE_C10D_GLOO)
#define USE_C10D_GLOO
#endif
#if defined(ATTUNE_HAS_NCCL) && !defined(USE_C10D_NCCL)
#define USE_C10D_NCCL
#endif

#include <torch/types.h>
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef ATTUNE_HAS_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#ifdef ATTUNE_HAS_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <chrono>
#include <cstdlib>
#include <exception>
#include <map>
#include <mutex>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace attune::detail {
namespace {

std::chrono::milliseconds timeout_of(const ProcessGroupOptions& options) {
    return std::chrono::milliseconds(static_cast<std::int64_t>(options.timeout_seconds * 1000) + 1);
}

bool is_set(const char* name, std::string_view value) {
    const char* found = std::getenv(name);
    return found != nullptr && found == value;
}

/// Whether torchrun's agent holds the store there itself.
bool is_kept_by_agent(const MeetingPlace& place) {
    return is_set("TORCHELASTIC_USE_AGENT_STORE", "True") && is_set("MASTER_ADDR", place.host) &&
           is_set("MASTER_PORT", std::to_string(place.port));
}

/// Which time this process joins a group there: a store must not be read for the group before.
int times_joined(const ProcessGroupOptions& options) {
    static std::mutex mutex;
    static std::map<std::pair<std::string, int>, int> times;
    const std::scoped_lock lock(mutex);
    return times[{options.rendezvous, options.rank}]++;
}

c10::intrusive_ptr<c10d::Store> make_store(const ProcessGroupOptions& options, const MeetingPlace& place) {
    c10::intrusive_ptr<c10d::Store> store;
    if (!place.file.empty()) {
        store = c10::make_intrusive<c10d::FileStore>(place.file, options.size);
        store->setTimeout(timeout_of(options));
    } else {
        c10d::TCPStoreOptions how;
        how.port = place.port;
        how.isServer = options.rank == 0 && !is_kept_by_agent(place);
        how.numWorkers = static_cast<std::size_t>(options.size);
        how.timeout = timeout_of(options);
        store = c10::make_intrusive<c10d::TCPStore>(place.host, how);
    }
    // A start after a failure must not read what the one before has left.
    const char* start = std::getenv("TORCHELASTIC_RESTART_COUNT");
    return c10::make_intrusive<c10d::PrefixStore>(
        fmt::format("attune/{}/{}", start == nullptr ? "0" : start, times_joined(options)), store);
}

/// `Group` is c10d's class of a backend, whose base differs between versions of libtorch.
template <typename Group>
class C10dGroup : public ProcessGroup {
  public:
    /// `on_devices`: it exchanges tensors of CUDA devices alone, in step with their streams.
    C10dGroup(const ProcessGroupOptions& options, c10::intrusive_ptr<Group> group, bool on_devices)
        : options_(options), group_(std::move(group)), on_devices_(on_devices) {}
    ~C10dGroup() override { C10dGroup::leave(); }

    [[nodiscard]] int rank() const override { return options_.rank; }
    [[nodiscard]] int size() const override { return options_.size; }

    void sum(at::Tensor& tensor) override {
        std::vector<at::Tensor> tensors{checked(tensor)};
        complete([&] { return group_->allreduce(tensors); });
    }

    void broadcast(at::Tensor& tensor) override {
        std::vector<at::Tensor> tensors{checked(tensor)};
        complete([&] { return group_->broadcast(tensors); });
    }

    void leave() noexcept override {
        if (!group_) return;
        try {
            // Threads that watch over NCCL's work are only ended by this.
            if constexpr (requires { group_->shutdown(); }) group_->shutdown();
        } catch (const std::exception&) {  // there is nobody left to tell
        }
        group_.reset();
    }

  private:
    const at::Tensor& checked(const at::Tensor& tensor) const {
        if (!group_)
            throw ProcessGroupError(
                fmt::format("process {} of {} has left its group", options_.rank, options_.size));
        if (on_devices_ && tensor.is_cpu())
            throw InvalidOption("process group backend \"" + options_.backend +
                                "\" exchanges what is on CUDA devices; FitOptions::device must name one");
        return tensor;
    }

    template <typename Begin>
    void complete(const Begin& begin) {
        try {
            // Without a time NCCL's stream waits, with one this thread would.
            on_devices_ ? begin()->wait() : begin()->wait(timeout_of(options_));
        } catch (const std::exception& error) {
            const std::string_view text = error.what();
            throw ProcessGroupError(fmt::format("process {} of {} could not exchange with the others: {}",
                                                options_.rank, options_.size,
                                                text.substr(0, text.find('\n'))));
        }
    }

    ProcessGroupOptions options_;
    c10::intrusive_ptr<Group> group_;
    bool on_devices_;
};

template <typename Group, typename Options>
std::shared_ptr<ProcessGroup> make_group(const ProcessGroupOptions& options, const MeetingPlace& place,
                                         const Options& how, bool on_devices) {
    return std::make_shared<C10dGroup<Group>>(
        options, c10::make_intrusive<Group>(make_store(options, place), options.rank, options.size, how),
        on_devices);
}

#ifdef ATTUNE_HAS_GLOO
std::shared_ptr<ProcessGroup> make_gloo(const ProcessGroupOptions& options, const MeetingPlace& place) {
    auto how = c10d::ProcessGroupGloo::Options::create(timeout_of(options));
    const char* interface = std::getenv("GLOO_SOCKET_IFNAME");  // as in Python
    how->devices.push_back(interface == nullptr
                               ? c10d::ProcessGroupGloo::createDefaultDevice()
                               : c10d::ProcessGroupGloo::createDeviceForInterface(interface));
    return make_group<c10d::ProcessGroupGloo>(options, place, how, false);
}
#endif

#ifdef ATTUNE_HAS_NCCL
std::shared_ptr<ProcessGroup> make_nccl(const ProcessGroupOptions& options, const MeetingPlace& place) {
    auto how = c10d::ProcessGroupNCCL::Options::create();
    how->timeout = timeout_of(options);
    return make_group<c10d::ProcessGroupNCCL>(options, place, how, true);
}
#endif

}  // namespace

std::vector<std::string> c10d_backends() {
    std::vector<std::string> names;
#ifdef ATTUNE_HAS_GLOO
    names.emplace_back("gloo");
#endif
#ifdef ATTUNE_HAS_NCCL
    names.emplace_back("nccl");
#endif
    return names;
}

std::shared_ptr<ProcessGroup> make_c10d_group(const ProcessGroupOptions& options, const MeetingPlace& place) {
    try {
#ifdef ATTUNE_HAS_GLOO
        if (options.backend == "gloo") return make_gloo(options, place);
#endif
#ifdef ATTUNE_HAS_NCCL
        if (options.backend == "nccl") return make_nccl(options, place);
#endif
    } catch (const std::exception& error) {
        const std::string_view text = error.what();
        throw ProcessGroupError(fmt::format("process {} of {} found no group at {}: {}", options.rank,
                                            options.size, options.rendezvous,
                                            text.substr(0, text.find('\n'))));
    }
    return nullptr;
}

}  // namespace attune::detail
