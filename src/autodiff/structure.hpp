#pragma once
// Primitives that move elements, and views.

#include "autodiff/reads.hpp"
#include "cartan/autodiff/indices.hpp"
#include "cartan/autodiff/primitive.hpp"

namespace cartan::primitives {

inline Index product(const Shape& shape, std::size_t begin, std::size_t end) {
  Index n = 1;
  for (std::size_t k = begin; k < end; ++k) n *= shape[k];
  return n;
}

class Reshape : public Primitive, public ReadsNothing {
 public:
  Reshape(Shape from, Shape shape) : from_(std::move(from)), shape_(std::move(shape)) {}
  const char* name() const override { return "reshape"; }
  bool on_any_device() const override { return true; }
  Arrays eval_cpu(const Arrays& in) const override { return {in[0].reshaped(shape_)}; }
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Shape from_, shape_;
};

// [begin, end) of the first axis of `extent`, a view.
class Rows : public Primitive, public ReadsNothing {
 public:
  Rows(Index begin, Index end, Index extent) : begin_(begin), end_(end), extent_(extent) {}
  const char* name() const override { return "slice"; }
  bool on_any_device() const override { return true; }
  Arrays eval_cpu(const Arrays& in) const override { return {in[0].rows(begin_, end_)}; }
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Index begin_, end_, extent_;
};

class To : public Primitive, public ReadsNothing {
 public:
  To(Device from, Device device) : from_(from), device_(device) {}
  const char* name() const override { return "to"; }
  bool on_any_device() const override { return true; }
  Arrays eval_cpu(const Arrays& in) const override { return {in[0].to(device_)}; }
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Device from_, device_;
};

class Permute : public Primitive, public ReadsNothing {
 public:
  explicit Permute(std::vector<int> axes) : axes_(std::move(axes)) {}
  const char* name() const override { return "permute"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  std::vector<int> axes_;
};

// [begin, end) of an axis of `extent` other than the first.
class Slice : public Primitive, public ReadsNothing {
 public:
  Slice(std::size_t axis, Index begin, Index end, Index extent)
      : axis_(axis), begin_(begin), end_(end), extent_(extent) {}
  const char* name() const override { return "slice"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  std::size_t axis_;
  Index begin_, end_, extent_;
};

class Concatenate : public Primitive, public ReadsNothing {
 public:
  Concatenate(std::size_t axis, std::vector<Index> extents) : axis_(axis), extents_(std::move(extents)) {}
  const char* name() const override { return "concatenate"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  std::size_t axis_;
  std::vector<Index> extents_;  // of the parts
};

class Gather : public Primitive, public ReadsNothing {
 public:
  explicit Gather(Indices rows) : rows_(std::move(rows)) {}
  const char* name() const override { return "gather"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Indices rows_;
};

class ScatterAdd : public Primitive, public ReadsNothing {
 public:
  explicit ScatterAdd(Indices rows) : rows_(std::move(rows)) {}
  const char* name() const override { return "scatter_add"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Indices rows_;
};

class Cast : public Primitive, public ReadsNothing {
 public:
  Cast(DType from, DType dtype) : from_(from), dtype_(dtype) {}
  const char* name() const override { return "cast"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  DType from_, dtype_;
};

}  // namespace cartan::primitives
