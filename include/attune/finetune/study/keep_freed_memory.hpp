#pragma once

namespace attune {

/// For programs that train: keeps large freed blocks in the process instead of giving them back to the
/// kernel.
///
/// Activations are large and short-lived. By default glibc maps and unmaps each of them, and the kernel
/// clears every page again, which can take a third of a forward pass. This changes the allocator of the whole
/// process, so the library never does it by itself: call it first thing in main. Does nothing without glibc.
void keep_freed_memory();

}  // namespace attune
