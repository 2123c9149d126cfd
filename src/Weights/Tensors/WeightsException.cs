namespace Lia.Weights;

/// <summary>A checkpoint that cannot be used. The message names the file, the tensor and what was expected.</summary>
public sealed class WeightsException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">One line: what is wrong, and where.</param>
    public WeightsException(string message) : base(message) { }

    /// <summary>Creates the exception with its cause.</summary>
    /// <param name="message">One line: what is wrong, and where.</param>
    /// <param name="innerException">The cause.</param>
    public WeightsException(string message, Exception innerException) : base(message, innerException) { }
}
