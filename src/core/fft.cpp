#include "core/fft.hpp"

#include <fftw3.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <stdexcept>

#include "cartan/core/error.hpp"
#include "cartan/core/parallel.hpp"
#include "core/dispatch.hpp"
#include "core/workspace.hpp"

namespace cartan {
namespace {

std::mutex& planner() {
  static std::mutex instance;
  return instance;
}
std::atomic<FftEffort> effort_in_force{FftEffort::estimate};

// The functions of FFTW of one precision.
template <class T>
struct Fftw;
#define CARTAN_FFTW(T, name)                                     \
  template <>                                                    \
  struct Fftw<T> {                                               \
    using Plan = name##_plan;                                    \
    using Complex = name##_complex;                              \
    static constexpr auto plan_dft = name##_plan_guru64_dft;     \
    static constexpr auto plan_r2c = name##_plan_guru64_dft_r2c; \
    static constexpr auto plan_c2r = name##_plan_guru64_dft_c2r; \
    static constexpr auto plan_r2r = name##_plan_guru64_r2r;     \
    static constexpr auto dft = name##_execute_dft;              \
    static constexpr auto r2c = name##_execute_dft_r2c;          \
    static constexpr auto c2r = name##_execute_dft_c2r;          \
    static constexpr auto r2r = name##_execute_r2r;              \
    static constexpr auto destroy = name##_destroy_plan;         \
  };
CARTAN_FFTW(double, fftw)
CARTAN_FFTW(float, fftwf)
#undef CARTAN_FFTW

fftw_r2r_kind r2r_kind(FftKind kind) {
  switch (kind) {
    case FftKind::dct1:
      return FFTW_REDFT00;
    case FftKind::dct2:
      return FFTW_REDFT10;
    case FftKind::dct3:
      return FFTW_REDFT01;
    case FftKind::dst2:
      return FFTW_RODFT10;
    case FftKind::dst3:
      return FFTW_RODFT01;
    case FftKind::halfcomplex:
      return FFTW_R2HC;
    default:
      return FFTW_HC2R;
  }
}

enum class Sides { complex, real_to_complex, complex_to_real, real };
Sides sides_of(FftKind kind) {
  switch (kind) {
    case FftKind::forward:
    case FftKind::backward:
      return Sides::complex;
    case FftKind::real_forward:
      return Sides::real_to_complex;
    case FftKind::real_backward:
      return Sides::complex_to_real;
    default:
      return Sides::real;
  }
}

std::vector<fftw_iodim64> dims_of(const std::vector<FftAxis>& axes) {
  std::vector<fftw_iodim64> dims;
  for (const FftAxis& a : axes)
    dims.push_back({static_cast<std::ptrdiff_t>(a.n), static_cast<std::ptrdiff_t>(a.in),
                    static_cast<std::ptrdiff_t>(a.out)});
  return dims;
}

// Elements that a side spans.
Index span_of(const std::vector<FftAxis>& axes, const std::vector<FftAxis>& loops, Index FftAxis::*stride) {
  Index last = 0;
  for (const auto* list : {&axes, &loops})
    for (const FftAxis& a : *list) last += (a.n - 1) * (a.*stride);
  return last + 1;
}

}  // namespace

void set_fft_effort(FftEffort effort) {
  effort_in_force = effort;
}
FftEffort fft_effort() {
  return effort_in_force;
}

template <class T>
FftPlan<T>::FftPlan(FftKind kind, const std::vector<FftAxis>& axes, const std::vector<FftAxis>& loops,
                    bool in_place, bool aligned, FftEffort effort)
    : kind_(kind) {
  using F = Fftw<T>;
  const auto dims = dims_of(axes), batch = dims_of(loops);
  const int rank = static_cast<int>(dims.size()), outer = static_cast<int>(batch.size());
  const bool measure = effort == FftEffort::measure;
  // Only measuring looks at the memory. Complex elements take two.
  Scratch<T> a(measure ? 2 * span_of(axes, loops, &FftAxis::in) : 64, T(0)),
      b(in_place  ? 0
        : measure ? 2 * span_of(axes, loops, &FftAxis::out)
                  : 64,
        T(0));
  T *in = a.data(), *out = in_place ? in : b.data();
  auto* complex_in = reinterpret_cast<typename F::Complex*>(in);
  auto* complex_out = reinterpret_cast<typename F::Complex*>(out);
  const unsigned flags = (measure ? FFTW_MEASURE : FFTW_ESTIMATE) | (aligned ? 0u : FFTW_UNALIGNED);
  const std::lock_guard lock(planner());
  switch (sides_of(kind)) {
    case Sides::complex:
      plan_ = F::plan_dft(rank, dims.data(), outer, batch.data(), complex_in, complex_out,
                          kind == FftKind::forward ? FFTW_FORWARD : FFTW_BACKWARD, flags);
      break;
    case Sides::real_to_complex:
      plan_ = F::plan_r2c(rank, dims.data(), outer, batch.data(), in, complex_out, flags);
      break;
    case Sides::complex_to_real:
      plan_ = F::plan_c2r(rank, dims.data(), outer, batch.data(), complex_in, out, flags);
      break;
    case Sides::real: {
      const std::vector<fftw_r2r_kind> kinds(dims.size(), r2r_kind(kind));
      plan_ = F::plan_r2r(rank, dims.data(), outer, batch.data(), in, out, kinds.data(), flags);
      break;
    }
  }
  if (plan_ == nullptr) throw std::invalid_argument("[fft] FFTW makes no plan for these extents");
}

template <class T>
FftPlan<T>::~FftPlan() {
  const std::lock_guard lock(planner());
  Fftw<T>::destroy(static_cast<typename Fftw<T>::Plan>(plan_));
}

namespace {
void check_sides(FftKind kind, Sides sides) {
  if (sides_of(kind) != sides) throw std::logic_error("[fft] the plan is for arrays of other types");
}
}  // namespace

template <class T>
void FftPlan<T>::operator()(const std::complex<T>* in, std::complex<T>* out) const {
  using F = Fftw<T>;
  check_sides(kind_, Sides::complex);
  F::dft(static_cast<typename F::Plan>(plan_),
         reinterpret_cast<typename F::Complex*>(const_cast<std::complex<T>*>(in)),
         reinterpret_cast<typename F::Complex*>(out));
}
template <class T>
void FftPlan<T>::operator()(const T* in, std::complex<T>* out) const {
  using F = Fftw<T>;
  check_sides(kind_, Sides::real_to_complex);
  F::r2c(static_cast<typename F::Plan>(plan_), const_cast<T*>(in),
         reinterpret_cast<typename F::Complex*>(out));
}
template <class T>
void FftPlan<T>::operator()(std::complex<T>* in, T* out) const {
  using F = Fftw<T>;
  check_sides(kind_, Sides::complex_to_real);
  F::c2r(static_cast<typename F::Plan>(plan_), reinterpret_cast<typename F::Complex*>(in), out);
}
template <class T>
void FftPlan<T>::operator()(const T* in, T* out) const {
  using F = Fftw<T>;
  check_sides(kind_, Sides::real);
  F::r2r(static_cast<typename F::Plan>(plan_), const_cast<T*>(in), out);
}
template class FftPlan<float>;
template class FftPlan<double>;

template <class T>
std::shared_ptr<const FftPlan<T>> fft_plan(FftKind kind, const std::vector<FftAxis>& axes,
                                           const std::vector<FftAxis>& loops, bool in_place, bool aligned) {
  using Plans = std::map<std::vector<Index>, std::shared_ptr<const FftPlan<T>>>;
  constexpr std::size_t most = 1024;
  static std::mutex& mutex = *new std::mutex;
  static Plans& plans = *new Plans;
  const FftEffort effort = fft_effort();
  std::vector<Index> key{static_cast<Index>(kind), static_cast<Index>(effort), in_place, aligned,
                         static_cast<Index>(axes.size())};
  for (const auto* list : {&axes, &loops})
    for (const FftAxis& a : *list) key.insert(key.end(), {a.n, a.in, a.out});
  {
    const std::lock_guard lock(mutex);
    if (const auto it = plans.find(key); it != plans.end()) return it->second;
  }
  auto plan = std::make_shared<const FftPlan<T>>(kind, axes, loops, in_place, aligned, effort);
  Plans dropped;  // destroyed when the lock is no longer held
  const std::lock_guard lock(mutex);
  if (plans.size() >= most) dropped.swap(plans);
  return plans.try_emplace(std::move(key), std::move(plan)).first->second;
}
template std::shared_ptr<const FftPlan<float>> fft_plan(FftKind, const std::vector<FftAxis>&,
                                                        const std::vector<FftAxis>&, bool, bool);
template std::shared_ptr<const FftPlan<double>> fft_plan(FftKind, const std::vector<FftAxis>&,
                                                         const std::vector<FftAxis>&, bool, bool);

namespace {

template <class T>
struct real_of {
  using type = T;
};
template <class T>
struct real_of<std::complex<T>> {
  using type = T;
};

// The axes of a pair of arrays: those transformed, and the others, outermost first, merged where both arrays
// allow.
struct Axes {
  std::vector<FftAxis> transformed, loops;
  Axes(const Shape& in_shape, const Shape& out_shape, const std::vector<int>& axes) {
    const int d = static_cast<int>(in_shape.size());
    std::vector<FftAxis> all(in_shape.size());
    Index in = 1, out = 1;
    for (int k = d; k-- > 0;) {
      all[k] = {std::max(in_shape[k], out_shape[k]), in, out};
      in *= in_shape[k], out *= out_shape[k];
    }
    for (int k : axes) transformed.push_back(all[k]);
    for (int k = 0; k < d; ++k) {
      if (all[k].n == 1 || std::find(axes.begin(), axes.end(), k) != axes.end()) continue;
      if (!loops.empty() && loops.back().in == all[k].n * all[k].in &&
          loops.back().out == all[k].n * all[k].out)
        loops.back() = {loops.back().n * all[k].n, all[k].in, all[k].out};
      else
        loops.push_back(all[k]);
    }
  }
};

template <class T>
void scale_by(T* x, Index n, typename real_of<T>::type factor) {
  parallel_for(n, 65536, [&](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) x[k] *= factor;
  });
}

// One call of FFTW for a block of the longest loop; blocks side by side.
template <class In, class Out>
void run_blocks(FftKind kind, In* in, Out* out, Index out_size, const Axes& axes, double scale) {
  using T = typename real_of<Out>::type;
  using Bare = std::remove_const_t<In>;
  constexpr Index grain = Index{1} << 14;  // elements of a block
  const bool in_place = static_cast<const void*>(in) == static_cast<const void*>(out);
  std::size_t longest = 0;
  for (std::size_t k = 1; k < axes.loops.size(); ++k)
    if (axes.loops[k].n > axes.loops[longest].n) longest = k;
  const FftAxis cut = axes.loops.empty() ? FftAxis{1, 0, 0} : axes.loops[longest];
  Index work = 1;
  for (const auto* list : {&axes.transformed, &axes.loops})
    for (const FftAxis& a : *list) work *= a.n;
  work = std::max<Index>(work / cut.n, 1);
  // neighbours in memory stay together, a cache line at least
  const Index least = cut.out == 1 ? 16 : 1;
  const Index block = std::min(cut.n, std::max(least, grain / work));
  const auto plan_of = [&](Index count) {
    std::vector<FftAxis> loops = axes.loops;
    if (!loops.empty()) loops[longest].n = count;
    const bool aligned = block * cut.in * static_cast<Index>(sizeof(In)) % 16 == 0 &&
                         block * cut.out * static_cast<Index>(sizeof(Out)) % 16 == 0 &&
                         reinterpret_cast<std::uintptr_t>(in) % 16 == 0 &&
                         reinterpret_cast<std::uintptr_t>(out) % 16 == 0;
    return fft_plan<T>(kind, axes.transformed, loops, in_place, aligned);
  };
  const auto plan = plan_of(block), last = cut.n % block == 0 ? plan : plan_of(cut.n % block);
  const bool whole = longest == 0 && cut.n * cut.out == out_size;  // blocks are contiguous
  const T factor = static_cast<T>(scale);
  parallel_for(cut.n, block, [&](Index begin, Index end) {
    const FftPlan<T>& run = end - begin == block ? *plan : *last;
    Out* to = out + begin * cut.out;
    run(const_cast<Bare*>(in) + begin * cut.in, to);
    if (whole && scale != 1)
      for (Index k = 0; k < (end - begin) * cut.out; ++k) to[k] *= factor;
  });
  if (!whole && scale != 1) scale_by(out, out_size, factor);
}

}  // namespace

template <class In, class Out>
void fft_along(FftKind kind, In* in, const Shape& in_shape, Out* out, const Shape& out_shape,
               const std::vector<int>& axes, double scale) {
  const Index in_size = size_of(in_shape), out_size = size_of(out_shape);
  if (in_size == 0 || out_size == 0) return;
  const Axes all(in_shape, out_shape, axes);
  Index batch = 1;
  for (const FftAxis& a : all.loops) batch *= a.n;
  // One large transform, or few: an axis at a time, so that threads have something to share.
  if (axes.size() > 1 && batch < 8 && out_size >= (Index{1} << 16)) {
    const std::vector<int> rest(axes.begin(), axes.end() - 1), last{axes.back()};
    if constexpr (std::is_same_v<std::remove_const_t<In>, Out>) {
      fft_along(kind, in, in_shape, out, out_shape, last);
      return fft_along(kind, out, out_shape, out, out_shape, rest, scale);
    } else if constexpr (!is_complex_v<std::remove_const_t<In>>) {
      fft_along(kind, in, in_shape, out, out_shape, last);
      return fft_along(FftKind::forward, out, out_shape, out, out_shape, rest, scale);
    } else {
      fft_along(FftKind::backward, in, in_shape, in, in_shape, rest);
      return fft_along(kind, in, in_shape, out, out_shape, last, scale);
    }
  }
  run_blocks(kind, in, out, out_size, all, scale);
}

#define CARTAN_INSTANTIATE(In, Out) \
  template void fft_along(FftKind, In*, const Shape&, Out*, const Shape&, const std::vector<int>&, double);
CARTAN_INSTANTIATE(const float, float)
CARTAN_INSTANTIATE(const double, double)
CARTAN_INSTANTIATE(const float, std::complex<float>)
CARTAN_INSTANTIATE(const double, std::complex<double>)
CARTAN_INSTANTIATE(std::complex<float>, float)
CARTAN_INSTANTIATE(std::complex<double>, double)
CARTAN_INSTANTIATE(const std::complex<float>, std::complex<float>)
CARTAN_INSTANTIATE(const std::complex<double>, std::complex<double>)
#undef CARTAN_INSTANTIATE

}  // namespace cartan
