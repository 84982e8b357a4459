#pragma once

namespace attune {

/// For programs, first thing in main: lets the threads of OpenMP sleep while they wait for each other.
///
/// GNU's OpenMP spins at every barrier by default, which is quickest on cores of one's own. Where another
/// process wants the cores too, the thread that is waited for is the one that does not run: a forward pass of
/// a small network was measured to take forty times as long. OpenMP reads the setting (OMP_WAIT_POLICY) when
/// it is loaded, before main, so the program is started again in the same process with the setting made.
/// Returns where OMP_WAIT_POLICY or GOMP_SPINCOUNT is in the environment already: the user's choice stands,
/// and the second start goes on. Where the program cannot be started again it goes on as it is. `argv` is
/// main's. The library itself never calls this.
void wait_without_spinning(char* const* argv);

}  // namespace attune
