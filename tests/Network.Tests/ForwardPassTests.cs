using Lia.Network.Graph;
using Lia.Weights;

namespace Lia.Network.Tests;

/// <summary>The walk alone, over layers that compute nothing: which are called, on what, and how long each activation lives.</summary>
public sealed class ForwardPassTests
{
    public static TheoryData<int> Sizes => [64, 128, 256, 512, 1024];

    [Theory, MemberData(nameof(Sizes))]
    public void The_encoder_leaves_the_code_alone_alive_and_a_feature_for_each_level(int size)
    {
        LiaGraph graph = LiaGraph.Create(ModelArchitecture.Official(size));
        Recorder layers = new();

        ForwardPass.Encode(graph, layers);

        Assert.Equal([graph.Encoder.Last.Outputs], layers.Alive.Select(map => map.Channels));
        // From the widest down to 8x8; what the last block makes at 4x4 is numbered -1 and is none.
        Assert.Equal(Enumerable.Range(-1, graph.FeatureCount + 1).Reverse(), layers.Features.Select(feature => feature.Number));
        Assert.Equal(graph.Synthesis.Levels.Select(level => level.Resolution).Reverse()
            .Append(4), layers.Features.Select(feature => feature.Map.Size));
    }

    [Theory, MemberData(nameof(Sizes))]
    public void The_decoder_leaves_the_picture_alone_alive(int size)
    {
        LiaGraph graph = LiaGraph.Create(ModelArchitecture.Official(size));
        Recorder layers = new();

        Map picture = ForwardPass.Synthesize(graph.Synthesis, layers);

        Assert.Equal([picture], layers.Alive);
        Assert.Equal((size, 3), (picture.Size, picture.Channels));
        Assert.Equal(Enumerable.Range(0, graph.FeatureCount), layers.Warped);
    }

    private sealed record Map(int Size, int Channels)
    {
        public bool Equals(Map? other) => ReferenceEquals(this, other);

        public override int GetHashCode() => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(this);
    }

    /// <summary>Reserves without memory; using what was released is an error.</summary>
    private sealed class Recorder : ILayers<Map>
    {
        public List<Map> Alive { get; } = [];

        public List<(int Number, Map Map)> Features { get; } = [];

        public List<int> Warped { get; } = [];

        public Map First(ConvolutionLayer layer, int feature) => Feature(feature, Reserve(Widest(feature), layer.Outputs));

        public Map Skip(ConvolutionLayer layer, Map input) => Reserve(Read(input, layer.Inputs).Size / 2, layer.Outputs);

        public Map Convolution(ConvolutionLayer layer, Map input) => Reserve(Read(input, layer.Inputs).Size, layer.Outputs);

        public Map BlurBefore(ConvolutionLayer strided, Map input) =>
            Reserve(Read(input, strided.Inputs).Size + 2 * strided.BlurPadding - 3, input.Channels);

        public Map Join(ResBlock block, Map blurred, Map skip, int feature)
        {
            Assert.Equal((Read(blurred, block.Conv2.Inputs).Size - 3) / 2 + 1, Read(skip, block.Conv2.Outputs).Size);
            Release(skip);
            return Feature(feature, Reserve(skip.Size, block.Conv2.Outputs));
        }

        public Map Code(ConvolutionLayer layer, Map input) => Reserve(Read(input, layer.Inputs).Size - layer.Kernel + 1, layer.Outputs);

        public void Head(MotionHead head, Map code) => Assert.Equal(1, Read(code, head.Layers[0].Inputs).Size);

        public void Modulate(Synthesis synthesis) => Assert.Empty(Alive);

        public Map Constant(Synthesis synthesis) => Reserve(4, synthesis.Conv1.Convolution.Inputs);

        public Map Styled(StyledConvolutionLayer layer, Map input, ModulatedConvolutionLayer? next) =>
            Reserve(Read(input, layer.Convolution.Inputs).Size, Reader(layer.Convolution.Outputs, next));

        public Map Upsampled(StyledConvolutionLayer layer, Map input, ModulatedConvolutionLayer next) =>
            Reserve(2 * Read(input, layer.Convolution.Inputs).Size, Reader(layer.Convolution.Outputs, next));

        public LevelEnd<Map> Warp(SynthesisLevel level, int feature, Map input, LevelEnd<Map>? below, ModulatedConvolutionLayer? next)
        {
            Assert.Equal(level.Resolution, Read(input, level.ToFlow.Convolution.Inputs).Size);
            if (below is not null)
                Assert.Equal((level.Resolution / 2, level.Resolution / 2), (Read(below.Flow, 3).Size, Read(below.Rgb, 3).Size));
            Warped.Add(feature);
            Map flow = Reserve(level.Resolution, 3), rgb = Reserve(level.Resolution, 3);
            return new(flow, rgb, next == null ? null : Reserve(level.Resolution, Reader(input.Channels, next)));
        }

        public void Release(Map map) => Assert.True(Alive.Remove(map), $"{map} is released twice, or was never there");

        private static int Widest(int feature) => 8 << feature;

        private static int Reader(int channels, ModulatedConvolutionLayer? next)
        {
            if (next is not null) Assert.Equal(next.Inputs, channels);
            return channels;
        }

        private Map Read(Map map, int channels)
        {
            Assert.Contains(map, Alive);
            Assert.Equal(channels, map.Channels);
            return map;
        }

        private Map Reserve(int size, int channels)
        {
            Map map = new(size, channels);
            Alive.Add(map);
            return map;
        }

        private Map Feature(int number, Map map)
        {
            Features.Add((number, map));
            return map;
        }
    }
}
