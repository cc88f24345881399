// RE2 as C; CRE2.h says what each function does. Nothing here throws but for want of memory, which ends the process.
#include "CRE2.h"

#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

struct sk_re2 {
    RE2 expression;
};
struct sk_re2_set {
    RE2::Set set;
};

static re2::StringPiece piece(const uint8_t *text, size_t length) {
    return re2::StringPiece(reinterpret_cast<const char *>(text), length);
}

static RE2::Options options(bool ignores_case, int64_t memory) {
    RE2::Options options;
    options.set_case_sensitive(!ignores_case);
    options.set_max_mem(memory);
    options.set_log_errors(false);
    return options;
}

sk_re2 *sk_re2_compile(const uint8_t *pattern, size_t length, bool ignores_case, int64_t memory, char *error, size_t error_size) {
    sk_re2 *made = new sk_re2{RE2(piece(pattern, length), options(ignores_case, memory))};
    if (made->expression.ok()) return made;
    if (error_size > 0) {
        const std::string &text = made->expression.error();
        size_t n = std::min(text.size(), error_size - 1);
        std::memcpy(error, text.data(), n);
        error[n] = 0;
    }
    delete made;
    return nullptr;
}

void sk_re2_free(sk_re2 *expression) { delete expression; }

int sk_re2_groups(const sk_re2 *expression) { return expression->expression.NumberOfCapturingGroups(); }

bool sk_re2_match(const sk_re2 *expression, const uint8_t *text, size_t length, int32_t *ends, int count) {
    constexpr int most = 17;
    re2::StringPiece groups[most], whole = piece(text, length);
    count = std::min(count, std::min(most, sk_re2_groups(expression) + 1));
    if (!expression->expression.Match(whole, 0, length, RE2::UNANCHORED, groups, count)) return false;
    for (int i = 0; i < count; i++) {
        bool took_part = groups[i].data() != nullptr;
        ends[2 * i] = took_part ? static_cast<int32_t>(groups[i].data() - whole.data()) : -1;
        ends[2 * i + 1] = took_part ? ends[2 * i] + static_cast<int32_t>(groups[i].size()) : -1;
    }
    return true;
}

int sk_re2_prefix(const sk_re2 *expression, uint8_t *prefix, int capacity) {
    std::string least, most;
    if (!expression->expression.PossibleMatchRange(&least, &most, capacity)) return 0;
    // Whatever lies between two strings begins with what they have in common.
    int n = 0;
    while (n < capacity && n < static_cast<int>(std::min(least.size(), most.size())) && least[n] == most[n]) n++;
    std::memcpy(prefix, least.data(), n);
    return n;
}

sk_re2_set *sk_re2_set_make(bool ignores_case, int64_t memory) {
    return new sk_re2_set{RE2::Set(options(ignores_case, memory), RE2::UNANCHORED)};
}

void sk_re2_set_free(sk_re2_set *set) { delete set; }

bool sk_re2_set_add(sk_re2_set *set, const uint8_t *pattern, size_t length) { return set->set.Add(piece(pattern, length), nullptr) >= 0; }

bool sk_re2_set_compile(sk_re2_set *set) { return set->set.Compile(); }

int sk_re2_set_match(const sk_re2_set *set, const uint8_t *text, size_t length, int32_t *numbers, int capacity) {
    std::vector<int> found;
    RE2::Set::ErrorInfo info;
    if (!set->set.Match(piece(text, length), &found, &info)) return info.kind == RE2::Set::kNoError || info.kind == RE2::Set::kNotCompiled ? 0 : -1;
    int n = std::min(static_cast<int>(found.size()), capacity);
    std::copy(found.begin(), found.begin() + n, numbers);
    return static_cast<int>(found.size());
}
