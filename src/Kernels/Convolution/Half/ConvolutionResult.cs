namespace Lia.Kernels.Convolution;

/// <summary>What becomes of a convolution's sums. Where the parts are known at compile time, nothing else is in the kernel.</summary>
internal interface IConvolutionResult
{
    /// <summary><see cref="EpilogueParts"/> of an epilogue.</summary>
    int Parts(HalfEpilogue epilogue);
}

/// <summary>The sums as they are.</summary>
internal readonly struct RawResult : IConvolutionResult
{
    public int Parts(HalfEpilogue epilogue) => 0;
}

/// <summary>Bias and activation: a residual block's first convolution.</summary>
internal readonly struct ActivatedResult : IConvolutionResult
{
    public int Parts(HalfEpilogue epilogue) => EpilogueParts.Activation;
}

/// <summary>Bias and activation, then the skip: a residual block's end.</summary>
internal readonly struct SkipResult : IConvolutionResult
{
    public int Parts(HalfEpilogue epilogue) => EpilogueParts.Skip | EpilogueParts.Gain;
}

/// <summary>Demodulation, bias, activation: a decoder level's second convolution.</summary>
internal readonly struct StyledResult : IConvolutionResult
{
    public int Parts(HalfEpilogue epilogue) => EpilogueParts.Scale | EpilogueParts.Activation;
}

/// <summary>The same into ToFlow's sums: the last level.</summary>
internal readonly struct FlowResult : IConvolutionResult
{
    public int Parts(HalfEpilogue epilogue) => EpilogueParts.Scale | EpilogueParts.Activation | EpilogueParts.Flow;
}

/// <summary>Partial sums.</summary>
internal readonly struct PartialResult : IConvolutionResult
{
    public int Parts(HalfEpilogue epilogue) => EpilogueParts.Partial;
}

/// <summary>A float32 map, or parts of its sums; channels are multiples of four.</summary>
internal readonly struct Float32MapResult : IConvolutionResult
{
    public int Parts(HalfEpilogue epilogue) => EpilogueParts.Float32;
}

/// <summary>The same with any number of channels.</summary>
internal readonly struct AnyFloat32MapResult : IConvolutionResult
{
    public int Parts(HalfEpilogue epilogue) => EpilogueParts.Float32OfAny;
}

/// <summary>Any combination of parts, looked up as the kernel runs.</summary>
internal readonly struct AnyResult : IConvolutionResult
{
    public int Parts(HalfEpilogue epilogue) => epilogue.Parts;
}
