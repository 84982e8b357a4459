#pragma once

/// Bodies that cost a compiler much, such as those of Gaussian processes, are part of the headers for a host
/// that uses attune::core alone. attune::runtime brings them compiled, and says so by ATTUNE_COMPILED, which
/// spares a file that makes a Gaussian process most of its compile time. `ATTUNE_BODY` stands before such a
/// body.
#ifdef ATTUNE_COMPILED
#define ATTUNE_BODY
#else
#define ATTUNE_BODY inline
#endif
