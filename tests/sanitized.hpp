#pragma once

/// Whether a sanitizer watches this program: it takes terabytes of addresses of its own, and time. The thread
/// sanitizer also brings an `operator new` that cannot be replaced, and threads that a child of fork does not
/// have.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CARTAN_ADDRESS_SANITIZER 1
#endif
#if __has_feature(thread_sanitizer)
#define CARTAN_THREAD_SANITIZER 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(CARTAN_ADDRESS_SANITIZER)
#define CARTAN_ADDRESS_SANITIZER 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(CARTAN_THREAD_SANITIZER)
#define CARTAN_THREAD_SANITIZER 1
#endif

#ifdef CARTAN_THREAD_SANITIZER
inline constexpr bool thread_sanitized = true;
#else
inline constexpr bool thread_sanitized = false;
#endif
#ifdef CARTAN_ADDRESS_SANITIZER
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = thread_sanitized;
#endif
