using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Cpu;

/// <summary>The end of a level, row by row: o, warp, mask, blend and, from the warped row while it is in cache, RGB.</summary>
internal sealed unsafe class ToFlowStep : Step
{
    private readonly ToFlowLayer _layer;
    private readonly FeatureMap _x;
    private readonly FeatureMap? _previous;
    private readonly FeatureMap _flow;
    private readonly FeatureMap[] _features;
    private readonly int _featureIndex;
    private readonly ToRgb? _toRgb;
    private readonly float* _style;
    private readonly float* _weight; // [3][stride]
    private readonly float* _modulated; // The same times the style.
    private readonly float[] _bias;
    private readonly float* _gridX;
    private readonly float* _gridY;
    private FeatureMap? _warped;

    /// <param name="context">The context.</param>
    /// <param name="weights">The checkpoint.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="style">Its modulation s.</param>
    /// <param name="x">The level's activation.</param>
    /// <param name="features">The source's features; read when the step runs.</param>
    /// <param name="featureIndex">Which of them.</param>
    /// <param name="previous">o of the level below, if any.</param>
    /// <param name="flow">Receives o.</param>
    /// <param name="blended">Receives the blend, the next level's input.</param>
    /// <param name="toRgb">Receives the warped rows, if not null.</param>
    public ToFlowStep(
        CpuContext context, ITensorSource weights, ToFlowLayer layer, float* style, FeatureMap x, FeatureMap[] features, int featureIndex,
        FeatureMap? previous, FeatureMap flow, FeatureMap blended, ToRgb? toRgb) : base(context, layer.Name)
    {
        (_layer, _x, _features, _featureIndex, _previous, _flow, _toRgb, Output) =
            (layer, x, features, featureIndex, previous, flow, toRgb, blended);
        _style = style;
        int inputs = layer.Convolution.Inputs;
        _weight = ToRgb.Rows(context, weights.ReadParameter(layer.Convolution.Weight, 3, inputs, 1, 1), 1 / Math.Sqrt(inputs));
        _modulated = context.Own(new(3L * x.Stride));
        _bias = weights.ReadParameter(layer.Bias, 3);
        _gridX = context.Vector(LiaGraph.WarpGrid(x.Width));
        _gridY = context.Vector(LiaGraph.WarpGrid(x.Height));
        context.NeedScratch((long)x.Width * x.Stride);
    }

    /// <summary>False for the last level, whose blend only taps see.</summary>
    public bool IsBlendRead { get; init; } = true;

    public override int Items => _x.Height;

    public override void Execute()
    {
        for (int i = 0; i < 3 * _x.Stride; i++) _modulated[i] = _weight[i] * _style[i % _x.Stride];
        _flow.ClearBorder();
        _toRgb?.Output.ClearBorder();
        if (IsTapped && _warped == null)
        {
            _warped = new(_x.Height, _x.Width, _x.Channels, border: 0);
            _warped.Memory = Context.Own(new(_warped.Length));
        }
        base.Execute();
    }

    public override void Run(int item, int worker)
    {
        float* flow = _flow.Pixel(item, 0);
        Context.Kernels.Project(_x.Pixel(item, 0), _x.Width, _x.Stride, _modulated, flow);
        for (int i = 0; i < 4 * _x.Width; i += 4)
        {
            for (int c = 0; c < 3; c++) flow[i + c] += _bias[c];
        }
        if (_previous != null) ThreeChannels.AddUpsampledRow(_previous, item, flow, _x.Width);

        FeatureMap feature = _features[_featureIndex];
        float* warped = IsTapped ? _warped!.Pixel(item, 0) : Context.Scratch(worker);
        Context.Kernels.WarpRow(new()
        {
            X = _x.Pixel(item, 0),
            Feature = feature.Pixel(0, 0),
            FeatureRowStep = feature.Pitch,
            Blended = IsBlendRead || IsTapped ? Output!.Pixel(item, 0) : null,
            Warped = warped,
            Height = _x.Height,
            Width = _x.Width,
            Stride = _x.Stride,
            Flow = flow,
            GridX = _gridX,
            GridY = _gridY[item],
            Post = FusedPost,
        });
        _toRgb?.Row(item, warped);
    }

    public override void Tap(TapHandler handler)
    {
        Show(handler, $"{_layer.Name}.flow", _flow);
        Show(handler, $"{_layer.Name}.warped", _warped!);
        Show(handler, $"{_layer.Name}.blended", Output!);
        if (_toRgb != null) Show(handler, _toRgb.Layer.Name, _toRgb.Output);
    }
}
