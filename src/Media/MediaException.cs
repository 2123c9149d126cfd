namespace Lia;

/// <summary>A picture, video, motion file or output that cannot be used. The message is one line and names the file and the
/// reason.</summary>
public sealed class MediaException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">One line: which file, and what is wrong with it.</param>
    public MediaException(string message) : base(message) { }

    /// <summary>Creates the exception with its cause.</summary>
    /// <param name="message">One line: which file, and what is wrong with it.</param>
    /// <param name="innerException">The cause.</param>
    public MediaException(string message, Exception innerException) : base(message, innerException) { }
}
