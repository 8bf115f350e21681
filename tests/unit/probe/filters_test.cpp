#include "probe/filters.hpp"

#include <gtest/gtest.h>

namespace kolo::probe {
namespace {

TEST(Filters, RecordTheProjectAndNoLibrary) {
    const Filters filters({}, {}, "/venv/kolo_probe/");
    EXPECT_TRUE(filters.accepts("/srv/shop/views.py"));
    EXPECT_TRUE(filters.accepts("manage.py"));
    EXPECT_FALSE(filters.accepts("/usr/lib/python3.11/json/decoder.py"));
    EXPECT_FALSE(filters.accepts("/usr/lib64/python3.11/json/decoder.py"));
    EXPECT_FALSE(filters.accepts("/srv/.venv/lib/x/site-packages/django/urls/base.py"));
    EXPECT_FALSE(filters.accepts("/usr/share/dist-packages/apt.py"));
}

TEST(Filters, LeaveGeneratedCodeOut) {
    const Filters filters({}, {}, "");
    EXPECT_FALSE(filters.accepts("<string>"));
    EXPECT_FALSE(filters.accepts("<frozen importlib._bootstrap>"));
    EXPECT_FALSE(filters.accepts("<attrs generated init shop.models.Tea>"));
    EXPECT_FALSE(filters.accepts("<pytest match expression>"));
    EXPECT_TRUE(filters.accepts("<console>"));
}

TEST(Filters, NeverRecordThePackageItself) {
    const Filters filters({}, {}, "/srv/kolo_probe/");
    EXPECT_FALSE(filters.accepts("/srv/kolo_probe/middleware.py"));
    EXPECT_TRUE(filters.accepts("/srv/kolo_probe_demo/views.py"));
}

TEST(Filters, IgnoreWhatTheUserIgnores) {
    const Filters filters({}, {"/migrations/"}, "");
    EXPECT_FALSE(filters.accepts("/srv/shop/migrations/0001_initial.py"));
    EXPECT_TRUE(filters.accepts("/srv/shop/models.py"));
}

TEST(Filters, IncludingComesBeforeAllElse) {
    const Filters filters({"site-packages/django/urls", "/migrations/0001"}, {"/migrations/"}, "");
    EXPECT_TRUE(filters.accepts("/venv/site-packages/django/urls/base.py"));
    EXPECT_FALSE(filters.accepts("/venv/site-packages/django/http/request.py"));
    EXPECT_TRUE(filters.accepts("/srv/shop/migrations/0001_initial.py"));
    EXPECT_FALSE(filters.accepts("/srv/shop/migrations/0002_price.py"));
}

}  // namespace
}  // namespace kolo::probe
