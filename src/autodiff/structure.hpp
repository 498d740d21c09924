#pragma once
// Primitives that move elements, and views.

#include "cartan/autodiff/indices.hpp"
#include "cartan/autodiff/primitive.hpp"

namespace cartan::primitives {

inline Index product(const Shape& shape, std::size_t begin, std::size_t end) {
  Index n = 1;
  for (std::size_t k = begin; k < end; ++k) n *= shape[k];
  return n;
}

class Reshape : public Primitive {
 public:
  explicit Reshape(Shape shape) : shape_(std::move(shape)) {}
  const char* name() const override { return "reshape"; }
  bool on_any_device() const override { return true; }
  Arrays eval_cpu(const Arrays& in) const override { return {in[0].reshaped(shape_)}; }
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Shape shape_;
};

// [begin, end) of the first axis, a view.
class Rows : public Primitive {
 public:
  Rows(Index begin, Index end) : begin_(begin), end_(end) {}
  const char* name() const override { return "slice"; }
  bool on_any_device() const override { return true; }
  Arrays eval_cpu(const Arrays& in) const override { return {in[0].rows(begin_, end_)}; }
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Index begin_, end_;
};

class To : public Primitive {
 public:
  explicit To(Device device) : device_(device) {}
  const char* name() const override { return "to"; }
  bool on_any_device() const override { return true; }
  Arrays eval_cpu(const Arrays& in) const override { return {in[0].to(device_)}; }
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  Device device_;
};

class Permute : public Primitive {
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

// [begin, end) of an axis other than the first.
class Slice : public Primitive {
 public:
  Slice(std::size_t axis, Index begin, Index end) : axis_(axis), begin_(begin), end_(end) {}
  const char* name() const override { return "slice"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  std::size_t axis_;
  Index begin_, end_;
};

class Concatenate : public Primitive {
 public:
  explicit Concatenate(std::size_t axis) : axis_(axis) {}
  const char* name() const override { return "concatenate"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  std::size_t axis_;
};

class Gather : public Primitive {
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

class ScatterAdd : public Primitive {
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

class Cast : public Primitive {
 public:
  explicit Cast(DType dtype) : dtype_(dtype) {}
  const char* name() const override { return "cast"; }
  Arrays eval_cpu(const Arrays& in) const override;
  Arrays eval_cuda(const Arrays& in) const override;
  Arrays vjp(const Arrays& in, const Arrays& out, const Arrays& cotangents,
             const std::vector<bool>& wanted) const override;

 private:
  DType dtype_;
};

}  // namespace cartan::primitives
