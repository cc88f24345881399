// Owns: from a request's path to a file's name below a folder, and from a file's name to its media type. Pure; any thread.

/// The file that a request's path names, relative to the folder.
enum FolderPath {
  /// Longest file name in bytes, decoded.
  static let limitBytes = 4_096

  /// Decodes a path (RFC 3986, 2.1). Nothing is resolved here and nothing outside can be named: a path with an empty, `.` or `..` segment, a
  /// hidden one (beginning with a dot, but for `.well-known`, RFC 8615), an encoded slash, a NUL or a broken escape names no file, and
  /// neither does one that ends with a slash.
  /// - Parameters:
  ///   - path: as in the request, beginning with `/`, without query.
  /// - Returns: nil when it names no file.
  static func file(_ path: Span<UInt8>) -> String? {
    guard path.count > 1, path.count <= limitBytes, path[0] == UInt8(ascii: "/") else { return nil }
    var name: [UInt8] = []
    name.reserveCapacity(path.count)
    var segmentStart = 0
    var index = 1
    while index < path.count {
      var byte = path[index]
      index += 1
      if byte == UInt8(ascii: "/") {
        guard isSegment(name[segmentStart...]) else { return nil }
        name.append(byte)
        segmentStart = name.count
        continue
      }
      if byte == UInt8(ascii: "%") {
        guard index + 1 < path.count, let high = nibble(path[index]), let low = nibble(path[index + 1]) else { return nil }
        byte = high << 4 | low
        index += 2
        if byte == UInt8(ascii: "/") { return nil }
      }
      if byte == 0 { return nil }
      name.append(byte)
    }
    guard isSegment(name[segmentStart...]) else { return nil }
    // File names are bytes; those that are no UTF-8 could not be passed on as a String unchanged.
    return String(validating: name, as: UTF8.self)
  }

  private static func isSegment(_ segment: ArraySlice<UInt8>) -> Bool {
    guard let first = segment.first else { return false }
    return first != UInt8(ascii: ".") || segment.elementsEqual(".well-known".utf8)
  }

  private static func nibble(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 48
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 87
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 55
    default: nil
    }
  }

  /// The media type of a file by the end of its name; `application/octet-stream` when it is not known.
  static func mediaType(_ name: String) -> String {
    guard let dot = name.lastIndex(of: "."), name[dot...].firstIndex(of: "/") == nil else { return unknownType }
    return mediaTypes[name[name.index(after: dot)...].lowercased()] ?? unknownType
  }

  static let unknownType = "application/octet-stream"

  /// By file name extension. Text is taken to be UTF-8.
  static let mediaTypes: [String: String] = [
    "aac": "audio/aac", "avif": "image/avif", "avi": "video/x-msvideo", "bmp": "image/bmp", "bz2": "application/x-bzip2",
    "css": "text/css; charset=utf-8", "csv": "text/csv; charset=utf-8", "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "eot": "application/vnd.ms-fontobject",
    "epub": "application/epub+zip", "flac": "audio/flac", "gif": "image/gif", "gz": "application/gzip",
    "htm": "text/html; charset=utf-8", "html": "text/html; charset=utf-8", "ico": "image/vnd.microsoft.icon",
    "ics": "text/calendar; charset=utf-8", "jpeg": "image/jpeg", "jpg": "image/jpeg", "js": "text/javascript; charset=utf-8",
    "json": "application/json", "jsonld": "application/ld+json", "m3u8": "application/vnd.apple.mpegurl", "m4a": "audio/mp4",
    "m4v": "video/mp4", "map": "application/json", "md": "text/markdown; charset=utf-8", "mjs": "text/javascript; charset=utf-8",
    "mov": "video/quicktime", "mp3": "audio/mpeg", "mp4": "video/mp4", "mpd": "application/dash+xml", "mpeg": "video/mpeg",
    "odt": "application/vnd.oasis.opendocument.text", "ogg": "audio/ogg", "ogv": "video/ogg", "opus": "audio/ogg", "otf": "font/otf",
    "pdf": "application/pdf", "png": "image/png", "ppt": "application/vnd.ms-powerpoint",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", "rss": "application/rss+xml",
    "atom": "application/atom+xml", "rtf": "application/rtf", "svg": "image/svg+xml", "tar": "application/x-tar", "tif": "image/tiff",
    "tiff": "image/tiff", "ts": "video/mp2t", "ttf": "font/ttf", "txt": "text/plain; charset=utf-8", "wasm": "application/wasm",
    "wav": "audio/wav", "weba": "audio/webm", "webm": "video/webm", "webmanifest": "application/manifest+json", "webp": "image/webp",
    "woff": "font/woff", "woff2": "font/woff2", "xhtml": "application/xhtml+xml", "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xml": "application/xml", "zip": "application/zip",
    "7z": "application/x-7z-compressed",
  ]
}
