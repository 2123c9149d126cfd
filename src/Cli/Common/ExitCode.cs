namespace Lia.Cli;

/// <summary>Exit statuses; documented in the help text and the README.</summary>
internal static class ExitCode
{
    /// <summary>All went well.</summary>
    public const int Success = 0;

    /// <summary>A verification failed, or the program itself did.</summary>
    public const int Failure = 1;

    /// <summary>Something given cannot be used: an option, a model, a picture, a video, an output.</summary>
    public const int BadInput = 2;

    /// <summary>Rows of a manifest can never succeed: bad input, not to be tried again.</summary>
    public const int BadRows = 42;

    /// <summary>Rows of a manifest may succeed another time or elsewhere: EX_TEMPFAIL of sysexits.h.</summary>
    public const int TryAgain = 75;

    /// <summary>Whoever read standard output has gone: 128 + SIGPIPE, as shells have it.</summary>
    public const int ReaderGone = 141;

    /// <summary>Stopped by Ctrl-C or a termination signal: 128 + SIGINT, as shells have it.</summary>
    public const int Cancelled = 130;
}
