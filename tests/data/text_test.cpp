#include <cartan/data/text.hpp>

#include <gtest/gtest.h>

#include <string>

using cartan::data::is_utf8;

TEST(Text, KnowsUtf8) {
  for (const char* good : {"", "plain", "\xc3\xa9", "\xe2\x88\x9a", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc2\x80z"})
    EXPECT_TRUE(is_utf8(good)) << good;
  EXPECT_TRUE(is_utf8(std::string_view("\0", 1)));
  const std::pair<const char*, std::size_t> bad[] = {{"\x80", 0},
                                                     {"ab\xe9", 2},
                                                     {"\xc0\x80", 0},
                                                     {"\xc1\xbf", 0},
                                                     {"\xe0\x9f\xbf", 0},
                                                     {"\xed\xa0\x80", 0},
                                                     {"x\xe2\x88", 1},
                                                     {"\xf0\x8f\xbf\xbf", 0},
                                                     {"\xf4\x90\x80\x80", 0},
                                                     {"\xf5\x80\x80\x80", 0},
                                                     {"\xef\xb3z", 0},
                                                     {"\xff", 0}};
  for (const auto& [text, where] : bad) {
    std::size_t at = 99;
    EXPECT_FALSE(is_utf8(text, &at)) << text;
    EXPECT_EQ(at, where) << text;
  }
}
