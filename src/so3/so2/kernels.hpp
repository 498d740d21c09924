#pragma once
// The partial derivatives of the form F_n of form.hpp, block of edges by block of edges.

#include "so3/so2/shape.hpp"

namespace cartan::so3 {

// The arguments of F_n; those that are not given are nullptr.
template <class T>
struct SO2Arguments {
  const SO2Shape& shape;
  const EdgeList& edges;
  int rotations;
  const T *g, *x, *w, *s, *r;
  std::vector<const T*> omega;
  // Of F_0 alone: added to the receivers' cotangents in the frames of the edges, message_size of every edge.
  const T* q = nullptr;

  int rows() const { return shape.mmax + rotations; }
  const T* radial(Index edge) const { return s ? s + edge * shape.radial_size : nullptr; }
};

// Sums at the receivers (derivative by g) or at the senders (transposed: by x).
// `messages`, if given, gets the products W(w) (s * D^T x[sender]) of F_0, message_size of every edge.
template <class T>
void sum_at_nodes(const SO2Arguments<T>& f, bool transposed, T* out, T* messages = nullptr);
// By the radial factors.
template <class T>
void by_radial(const SO2Arguments<T>& f, T* out);
// By rotation i: torques (edges, 3).
template <class T>
void by_rotation(const SO2Arguments<T>& f, int i, T* out);
// By the weights, shared or (channelwise) of every edge; the latter are zero before.
template <class T>
void by_weights(const SO2Arguments<T>& f, T* out);
template <class T>
void by_channel_weights(const SO2Arguments<T>& f, T* out);

// Of F_0 at once, sharing the products: by x, by s and by a rotation of the directions; nullptr: not wanted.
// The torque takes the messages of sum_at_nodes, or makes them again (nullptr).
// `pulled`, if given, gets the products W(w)^T D^T g[receiver] in the frames, pulled_size of every edge.
template <class T>
void pull_back(const SO2Arguments<T>& f, const T* messages, T* x, T* s, T* torque, T* pulled = nullptr);

// What pull_back returns, times directions (x: (senders, features), s, torque; nullptr: zero), summed and
// differentiated once more: by g, x, s and w, and by the messages, of which the torque is a
// function: with `messages` that is no part of the other derivatives, without it all of it is. `pulled`:
// those of pull_back, made again where it is nullptr. Results that are nullptr are not wanted. For shared
// weights.
template <class T>
struct SO2Directions {
  const T *x = nullptr, *s = nullptr, *torque = nullptr;
};
template <class T>
struct SO2Second {
  T *g = nullptr, *x = nullptr, *s = nullptr, *w = nullptr;
};
template <class T>
void pull_back_again(const SO2Arguments<T>& f, const SO2Directions<T>& along, const T* messages,
                     const T* pulled, const SO2Second<T>& out);
// The derivative by the messages alone, of g, r and the direction of the torque.
template <class T>
void by_messages(const SO2Arguments<T>& f, const T* torque, T* out);

}  // namespace cartan::so3
