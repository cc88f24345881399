import TestTools
import Testing

/// Everything issue 2 promises, proved from outside: a scripted origin, the real program, a scripted viewer, and the
/// counters and log lines that should tell of it. Documentation/testing.md explains how to read and write scenarios.
@Suite(.runsPrograms)
enum Scenarios {}
