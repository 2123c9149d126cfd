namespace Lia.Network.Graph;

/// <summary>What residual blocks are made of: see <see cref="ILayers{TMap}"/>.</summary>
/// <typeparam name="TMap">An activation, in whatever layout the executor works in.</typeparam>
internal interface IResidualLayers<TMap> where TMap : class
{
    /// <summary>A residual block's skip: blur, 1x1, half the resolution.</summary>
    TMap Skip(ConvolutionLayer layer, TMap input);

    /// <summary>A residual block's first convolution: 3x3, activated.</summary>
    TMap Convolution(ConvolutionLayer layer, TMap input);

    /// <summary>The blur in front of a block's strided convolution.</summary>
    TMap BlurBefore(ConvolutionLayer strided, TMap input);

    /// <summary>
    /// (conv2(<paramref name="blurred"/>) + <paramref name="skip"/>) / sqrt(2). Takes the skip over: its memory may become the result's. It
    /// is a feature.
    /// </summary>
    TMap Join(ResBlock block, TMap blurred, TMap skip, int feature);

    /// <summary>What is reserved from here on may lie where the map does.</summary>
    void Release(TMap map);
}

/// <summary>
/// What an executor makes of the network's layers, one method each; <see cref="ForwardPass"/> calls them in order. A method plans its
/// layer, reserves the room for its result, and leaves its input to the walk, which releases it after its last reader.
/// </summary>
/// <typeparam name="TMap">An activation, in whatever layout the executor works in.</typeparam>
internal interface ILayers<TMap> : IResidualLayers<TMap> where TMap : class
{
    /// <summary>
    /// The encoder's first layer: the picture in 3 planes to the widest resolution's channels, 1x1, activated. It is a feature.
    /// </summary>
    TMap First(ConvolutionLayer layer, int feature);

    /// <summary>The encoder's last convolution: 4x4 of a 4x4 picture, the appearance code [style, 1, 1].</summary>
    TMap Code(ConvolutionLayer layer, TMap input);

    /// <summary>The motion code of an appearance code.</summary>
    void Head(MotionHead head, TMap code);

    /// <summary>All modulations of the decoder, which depend on the latent alone, and the demodulations that follow from them.</summary>
    void Modulate(Synthesis synthesis);

    /// <summary>The constant the decoder starts from.</summary>
    TMap Constant(Synthesis synthesis);

    /// <summary>A styled convolution at one resolution.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="input">Modulated for it, where the executor modulates what it writes and not what it reads.</param>
    /// <param name="next">The modulated layer that reads the result; null where ToFlow does.</param>
    TMap Styled(StyledConvolutionLayer layer, TMap input, ModulatedConvolutionLayer? next);

    /// <summary>A styled convolution that doubles the resolution: transposed, then blurred.</summary>
    /// <inheritdoc cref="Styled"/>
    TMap Upsampled(StyledConvolutionLayer layer, TMap input, ModulatedConvolutionLayer next);

    /// <summary>The end of a level: ToFlow's o, the warp of the source's feature, the blend and ToRGB.</summary>
    /// <param name="level">The level.</param>
    /// <param name="feature">The number of its feature.</param>
    /// <param name="input">x, the level's last activation.</param>
    /// <param name="below">What the level below left; null at the first.</param>
    /// <param name="next">The modulated layer that reads the blend; null at the last level, where nobody does.</param>
    LevelEnd<TMap> Warp(SynthesisLevel level, int feature, TMap input, LevelEnd<TMap>? below, ModulatedConvolutionLayer? next);
}

/// <summary>What a level of the decoder leaves.</summary>
/// <param name="Flow">o [3], before tanh and sigmoid.</param>
/// <param name="Rgb">The running RGB sum [3].</param>
/// <param name="Blended">The next level's input; null where nobody reads it.</param>
internal sealed record LevelEnd<TMap>(TMap Flow, TMap Rgb, TMap? Blended) where TMap : class;
