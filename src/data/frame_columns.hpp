#pragma once
/// The columns of Cartan's frame layout that only some frames have: encoding and decoding.

#include <map>
#include <string>
#include <vector>

#include "cartan/data/frame.hpp"
#include "cartan/data/group.hpp"

namespace cartan::data {

/// Where the datasets of a frame file come from: a Group in memory or an open file.
class FrameSource {
 public:
  virtual ~FrameSource() = default;
  virtual const Group& tree() const = 0;  ///< names and attributes
  virtual Shape shape(const std::string& path) const = 0;
  virtual Array rows(const std::string& path, Index begin, Index end) const = 0;
  [[noreturn]] void fail(const std::string& object, const std::string& what) const;
  /// Rows checked for type and shape (-1: any extent); `shape` has the first axis too.
  Array rows(const std::string& path, DType dtype, const Shape& shape, Index begin, Index end) const;
  Array all(const std::string& path, DType dtype, const Shape& shape) const;
  bool has(const std::string& path) const { return tree().has(path); }
};

/// A name as a link in an HDF5 file, and back.
std::string escape_name(const std::string& name);
std::string unescape_name(const std::string& name);

/// Adds info, arrays and labels of the frames to a group.
void write_columns(const std::vector<Frame>& frames, Group& group);

/// Reads them. Small tables are read by the constructor, elements by read().
class FrameColumns {
 public:
  FrameColumns(const FrameSource& source, const std::vector<Index>& offset);
  /// Fills info, arrays and labels of the frames [begin, begin + frames.size()).
  void read(const FrameSource& source, Index begin, std::vector<Frame>& frames) const;

 private:
  struct Column {
    std::string folder, path, name, kind;
    std::vector<Index> frames;  ///< that have it; empty with every_frame
    bool every_frame = true;
    std::vector<Index> first;   ///< row of the first atom of each of them, by atom only
    std::vector<Index> start;   ///< texts: first byte of each row
    std::vector<Shape> shapes;  ///< info arrays of unequal shape
  };
  void open(const FrameSource& source, const std::string& folder, const std::string& link, const Item& item,
            const std::vector<Index>& offset);

  std::vector<Column> columns_;
};

}  // namespace cartan::data
