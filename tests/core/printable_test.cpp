#include <cartan/core/printable.hpp>

#include <gtest/gtest.h>

using cartan::first_not_utf8;
using cartan::printable;

TEST(Printable, KeepsTextsAndSpellsOutWhatATerminalWouldObey) {
  EXPECT_EQ(printable("energy of Å, 水 and 🜂"), "energy of Å, 水 and 🜂");
  EXPECT_EQ(printable("\x1b[31mred\x07\r\n\t\x7f"), "\\x1b[31mred\\x07\\x0d\\x0a\\x09\\x7f");
  EXPECT_EQ(printable(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");  // CSI as a character of its own
}

TEST(Printable, SpellsOutBytesThatAreNoUtf8) {
  EXPECT_EQ(printable("\xe9nergie"), "\\xe9nergie");                 // Latin-1
  EXPECT_EQ(printable("\xc3"), "\\xc3");                             // cut off
  EXPECT_EQ(printable("\xc0\xaf\x80"), "\\xc0\\xaf\\x80");           // overlong, stray
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // half of a pair
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // past the last character
}

TEST(Printable, FindsTheFirstByteThatIsNoUtf8) {
  EXPECT_EQ(first_not_utf8(""), std::string::npos);
  EXPECT_EQ(first_not_utf8("a\tb\n Å 🜂"), std::string::npos);
  EXPECT_EQ(first_not_utf8("ab\xff"), 2U);
  EXPECT_EQ(first_not_utf8("Å\xc3"), 2U);
}
