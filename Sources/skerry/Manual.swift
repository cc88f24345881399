// skerry manual: the man page, made of what --help says, so that both say the same (`skerry manual | man -l -`). Hidden from the list of commands;
// packages install its output.
import ArgumentParser
import ControlPlane
import Foundation
import JSONText

struct Manual: ParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Print the man page.", shouldDisplay: false)

  func run() throws {
    guard let described = try? JSONValue(parsing: Array(Skerry._dumpHelp().utf8)), let command = described["command"] else { throw Refusal("the commands cannot be described") }
    FileHandle.standardOutput.write(Data(Self.page(command).utf8))
  }

  /// The page in man's macros (man 7 man).
  static func page(_ command: JSONValue) -> String {
    let name = command["commandName"]?.string ?? "skerry"
    var page = ".TH \(name.uppercased()) 1 \"\" \"\(name) \(Version.text)\"\n.SH NAME\n\(name) \\- \(roff(command["abstract"]?.string ?? ""))\n"
    page += ".SH SYNOPSIS\n.B \(name)\n.I command\n[\\fIoptions\\fR]\n"
    page += ".SH DESCRIPTION\n" + paragraphs(command["discussion"]?.string ?? "")
    page += ".SH COMMANDS\n" + commands(command, path: name)
    page += """
      .SH EXIT STATUS
      0 good; 1 \\fBcheck\\fR, \\fBtest\\fR, \\fBinvoke\\fR, \\fBbench\\fR or \\fBredirects\\fR found what it looks for; 2 bad usage, an unreadable file, a
      configuration that cannot be served, or a proxy that does not answer.
      .SH FILES
      .TP
      .I edge.yaml
      The configuration, in the current directory unless one is named.
      .TP
      .I .skerry/
      Its state: admin token, versions of functions, disk cache.

      """
    return page
  }

  /// Each command, and those below it, with its options.
  private static func commands(_ command: JSONValue, path: String) -> String {
    var text = ""
    for sub in command["subcommands"]?.array ?? [] where sub["shouldDisplay"] != .boolean(false) && sub["commandName"]?.string != "help" {
      let whole = path + " " + (sub["commandName"]?.string ?? "")
      text += ".SS \(roff(whole))\n\(roff(sub["abstract"]?.string ?? ""))\n" + paragraphs(sub["discussion"]?.string ?? "")
      for argument in sub["arguments"]?.array ?? [] where argument["shouldDisplay"] != .boolean(false) { text += self.argument(argument) }
      text += commands(sub, path: whole)
    }
    return text
  }

  private static func argument(_ argument: JSONValue) -> String {
    let value = "\\fI\(roff(argument["valueName"]?.string ?? "value"))\\fR"
    let all = argument["names"]?.array ?? [], short = all.filter { $0["kind"]?.string != "long" }, long = all.filter { $0["kind"]?.string == "long" }
    let names = short.map { "\\fB\\-\(roff($0["name"]?.string ?? ""))\\fR" } + long.map { "\\fB\\-\\-\(roff($0["name"]?.string ?? ""))\\fR" }
    let spelt = names.joined(separator: ", ") + (argument["kind"]?.string == "option" ? " \(value)" : "")
    if ["help", "version"].contains(argument["valueName"]?.string) { return "" }
    let standard = argument["defaultValue"]?.string.map { " (default: \($0))" } ?? ""
    return ".TP\n\(names.isEmpty ? value : spelt)\n\(roff((argument["abstract"]?.string ?? "") + standard))\n"
  }

  /// Text as it is, examples without filling.
  private static func paragraphs(_ text: String) -> String {
    var result = "", isExample = false
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      let indented = line.hasPrefix("  ")
      if indented != isExample { result += indented ? ".PP\n.nf\n" : ".fi\n" }
      isExample = indented
      result += line.isEmpty ? ".PP\n" : roff(String(line)) + "\n"
    }
    return result + (isExample ? ".fi\n" : "")
  }

  /// A text without what troff would take for its own.
  private static func roff(_ text: String) -> String {
    let escaped = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
    return escaped.hasPrefix(".") || escaped.hasPrefix("'") ? "\\&" + escaped : escaped
  }
}
