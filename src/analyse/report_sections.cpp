#include "attune/analyse/report_sections.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <numeric>
#include <string_view>

#include "text.hpp"

namespace attune {
namespace {

std::string safe(const std::string& text) { return escape_html(detail::valid_utf8(text)); }

void check_matrix(const std::vector<std::string>& classes, const std::vector<std::vector<long>>& counts) {
    if (counts.size() != classes.size())
        throw InvalidOption(
            fmt::format("confusion matrix: {} rows for {} classes; there must be one for each", counts.size(),
                        classes.size()));
    for (std::size_t i = 0; i < counts.size(); ++i) {
        if (counts[i].size() != classes.size())
            throw InvalidOption(fmt::format(
                "confusion matrix: row {} has {} columns for {} classes; there must be one for each", i,
                counts[i].size(), classes.size()));
        for (const long count : counts[i])
            if (count < 0)
                throw InvalidOption(fmt::format(
                    "confusion matrix: row {} holds the count {}; counts must be at least 0", i, count));
    }
}

std::string percent(long part, long whole) {
    return whole == 0
               ? "-"
               : fmt::format("{:.1f}%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

/// A cell whose shade is its share of the row; right answers and mistakes have two colours.
std::string matrix_cell(const std::string& truth, const std::string& taken, long count, long row_sum,
                        bool right) {
    const double share = row_sum == 0 ? 0 : static_cast<double>(count) / static_cast<double>(row_sum);
    // Shades start visible: a single mistake among many must not fade away. Dark shades carry light text.
    const double shade = count == 0 ? 0 : 0.12 + 0.88 * share;
    return fmt::format(
        "<td class=\"{}{}\" style=\"--shade:{:.0f}%\" title=\"{} taken for {}: {} of "
        "{}\"><b>{}</b><small>{}</small></td>",
        count == 0 ? "none"
        : right    ? "right"
                   : "wrong",
        shade > 0.55 ? " deep" : "", 100 * shade, safe(truth), safe(taken), count, row_sum, count,
        count == 0 ? "" : percent(count, row_sum));
}

std::string matrix_head(const std::vector<std::string>& classes) {
    std::string text = "<thead><tr><th>true \\ predicted</th>";
    for (const std::string& name : classes)
        text += "<th scope=\"col\" class=\"across\"><span>" + detail::breakable_html(name) + "</span></th>";
    return text + "<th scope=\"col\">cases</th><th scope=\"col\">recall</th></tr></thead>\n";
}

std::string base64(std::string_view bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto byte = [&](std::size_t k) -> std::uint32_t {
            return k < bytes.size() ? static_cast<unsigned char>(bytes[k]) : 0U;
        };
        const std::uint32_t group = byte(i) << 16U | byte(i + 1) << 8U | byte(i + 2);
        for (std::size_t k = 0; k < 4; ++k)
            out += i + k > bytes.size() ? '=' : digits[group >> (18U - 6U * static_cast<unsigned>(k)) & 63U];
    }
    return out;
}

const char* media_type(std::string_view bytes, std::size_t index) {
    using namespace std::string_view_literals;
    if (bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n"sv) return "image/png";
    if (bytes.substr(0, 3) == "\xFF\xD8\xFF"sv) return "image/jpeg";
    if (bytes.substr(0, 6) == "GIF87a"sv || bytes.substr(0, 6) == "GIF89a"sv) return "image/gif";
    if (bytes.substr(0, 4) == "RIFF"sv && bytes.size() > 12 && bytes.substr(8, 4) == "WEBP"sv)
        return "image/webp";
    throw InvalidOption(fmt::format("gallery: picture {} ({} bytes) is neither PNG, JPEG, GIF nor WebP",
                                    index, bytes.size()));
}

}  // namespace

ReportSection confusion_matrix_section(const std::vector<std::string>& classes,
                                       const std::vector<std::vector<long>>& counts,
                                       const std::string& title) {
    check_matrix(classes, counts);
    const std::size_t n = classes.size();
    std::vector<long> rows(n, 0), columns(n, 0);
    long all = 0, right = 0;
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j)
            rows[i] += counts[i][j], columns[j] += counts[i][j], all += counts[i][j],
                right += i == j ? counts[i][j] : 0;

    std::string body = "<tbody>\n";
    for (std::size_t i = 0; i < n; ++i) {
        body += "<tr><th scope=\"row\">" + safe(classes[i]) + "</th>";
        for (std::size_t j = 0; j < n; ++j)
            body += matrix_cell(classes[i], classes[j], counts[i][j], rows[i], i == j);
        body += fmt::format("<td class=\"edge\">{}</td><td class=\"edge\">{}</td></tr>\n", rows[i],
                            percent(counts[i][i], rows[i]));
    }
    body += "<tr><th scope=\"row\">precision</th>";
    for (std::size_t j = 0; j < n; ++j)
        body += "<td class=\"edge\">" + percent(counts[j][j], columns[j]) + "</td>";
    body += fmt::format("<td class=\"edge\">{}</td><td class=\"edge\"></td></tr></tbody>\n", all);

    std::string html = fmt::format(
        "<p class=\"note\">{} of {} cases right ({}). Rows are the true classes; percentages are of the "
        "row.</p>\n",
        right, all, percent(right, all));
    return {title, html + "<div class=\"scroll\"><table class=\"matrix\">" + matrix_head(classes) + body +
                       "</table></div>\n"};
}

ReportSection gallery_section(const std::string& title, const std::vector<GalleryItem>& items) {
    std::string html = items.empty() ? "<p>There are no pictures.</p>\n" : "<div class=\"gallery\">\n";
    for (std::size_t i = 0; i < items.size(); ++i)
        html += fmt::format(
            "<figure><img src=\"data:{};base64,{}\" alt=\"{}\"><figcaption>{}</figcaption></figure>\n",
            media_type(items[i].bytes, i), base64(items[i].bytes), safe(items[i].caption),
            safe(items[i].caption));
    return {title, html + (items.empty() ? "" : "</div>\n")};
}

ReportSection metrics_table_section(const std::string& title,
                                    const std::vector<std::pair<std::string, std::string>>& rows) {
    std::string html;
    for (const auto& [name, value] : rows)
        html += "<tr><th scope=\"row\">" + safe(name) + "</th><td>" + safe(value) + "</td></tr>\n";
    return {title, "<div class=\"scroll\"><table class=\"pairs\">\n" + html + "</table></div>\n"};
}

}  // namespace attune
